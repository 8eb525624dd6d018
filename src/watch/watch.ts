import { once } from 'node:events';
import { endSpares, keepSpares } from '../backends/tool.ts';
import { loadHostConfig } from '../config/host-config.ts';
import { VifguardError } from '../errors.ts';
import { requireRoot } from '../host/host-state.ts';
import { parseEvent } from '../hotplug/event.ts';
import { type EventResult, handle } from '../hotplug/handle.ts';
import { netnsOf } from '../hotplug/offline.ts';
import { type Exported, exportMetrics } from '../metrics/export.ts';
import { readHostNumbers } from '../metrics/host-numbers.ts';
import { openRtnetlink, type Rtnetlink } from '../netlink/rtnetlink.ts';
import { Subscription } from '../netlink/subscription.ts';
import { eventDeadline } from '../port/deadline.ts';
import { LockTimeoutError, withLock } from '../port/lock.ts';
import { stateDirectory } from '../port/registry.ts';
import { Agent, type Call } from './agent.ts';
import { Guardian, type Reach } from './guardian.ts';
import { GROUPS, isRoute, Transactions, touchedLinks } from './notifications.ts';
import { lostText, ResidentStore } from './resident-store.ts';
import { Shared } from './shared.ts';

/** How long the way to the kernel stays open unused, in milliseconds: node-netlink wakes up ten times a second for it. */
const IDLE_MS = 1_000;

export interface WatchOptions {
  /** Prints a line. */
  readonly log: (line: string) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Watches over the guards of this network namespace, until it is told to end; the guards stay.
 *
 * @throws VifguardError when another one does so already, and when the host config, xenstored or the kernel
 *   cannot be read at the start.
 */
export async function watch(options: WatchOptions): Promise<void> {
  requireRoot();
  const directory = stateDirectory();
  try {
    await withLock(`${directory}/watch.lock`, { timeoutMs: 0 }, () => run(directory, options));
  } catch (error) {
    if (!(error instanceof LockTimeoutError)) throw error;
    throw new VifguardError('vifguard watch runs already in this network namespace', { cause: error });
  }
}

async function run(directory: string, { log, signal }: WatchOptions): Promise<void> {
  let agent: Agent | undefined;
  let exported: Exported | undefined;
  const config = loadHostConfig();
  const rtnetlink = new Shared<Rtnetlink>(openRtnetlink, (opened) => opened.close(), IDLE_MS);
  const store = new ResidentStore({
    onTouch: (path) => guardian.vifTouched(path),
    onLost: (cause) => log(lostText(cause)),
    onReturn: () => guardian.lookAtAll(),
  });
  const reach: Reach = {
    directory,
    isBusy: () => agent?.isBusy ?? false,
    log,
    onHealed: (part, outcome) => exported?.metrics.healed(part, outcome),
    withStore: (work) => store.use(work),
    withRtnetlink: (work) => rtnetlink.use(work),
  };
  const guardian = new Guardian(config, reach);
  const transactions = new Transactions();
  const subscription = new Subscription(GROUPS, {
    onMessages: (protocol, messages) => {
      if (isRoute(protocol)) guardian.linksTouched(touchedLinks(messages));
      else for (const changer of transactions.push(messages)) guardian.rulesChanged(changer);
    },
    onOverrun: (protocol) => (isRoute(protocol) ? guardian.linksLost() : guardian.lookAtAll()),
  });
  keepSpares();
  try {
    await store.connect();
    guardian.lookAtAll();
    const read = () => readHostNumbers(config, guardian.isFilterWell);
    exported = await exportMetrics({ config, read, log });
    agent = await Agent.listen(`${directory}/watch.sock`, (call) =>
      answer(call, store, { ...reach, metrics: exported?.metrics }),
    );
    log('watching');
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await agent?.close();
    await exported?.close();
    await subscription.close();
    await guardian.stop();
    await rtnetlink.close();
    store.close();
    await endSpares();
  }
}

/** Leaves to the caller what this process cannot do by the same code: it has another config, store or namespace. */
async function answer(
  { argv, env }: Call,
  store: ResidentStore,
  reach: Reach & { readonly metrics: Exported['metrics'] | undefined },
): Promise<EventResult | 'not done'> {
  const isElsewhere = ENVIRONMENT.some((name) => env[name] !== process.env[name]);
  if (isElsewhere || !store.isConnected) return 'not done';
  const event = parseEvent(argv, env);
  if (event === undefined) return { exitCode: 0 };
  if ((await store.use((client) => netnsOf(client, event))) !== undefined) return 'not done';
  const start = performance.now();
  const result = await handle(argv, env, { ...reach, deadline: eventDeadline(0) });
  const outcome = result.exitCode === 0 ? 'success' : 'failure';
  reach.metrics?.handled(event.action, outcome, (performance.now() - start) / 1000);
  return result;
}

const ENVIRONMENT = ['VIFGUARD_CONF', 'XENSTORED_PATH'] as const;
