import { loadHostConfig } from '../config/host-config.ts';
import { describeError, VifguardError } from '../errors.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { policyToXenstore } from '../policy/serialize.ts';
import { attach, type Step } from '../port/attach.ts';
import { withLock } from '../port/lock.ts';
import type { Means } from '../port/means.ts';
import { stateDirectory } from '../port/registry.ts';
import { bridgeOfVif, policyOfVif } from '../port/vif.ts';
import type { XenstoreClient } from '../xenstore/client.ts';
import { parseVifPath, readVifRecord, type VifRecord } from '../xenstore/vif-record.ts';
import { attachAdvice, changeVif, publishIn, writeHotplugError } from '../xenstore/vif-report.ts';
import type { HotplugEvent } from './event.ts';
import { foreignNetns, runInNetns, sendToNetns } from './netns.ts';
import { closePort } from './offline.ts';

/**
 * A port comes: guarded, on its bridge and up; or, on any failure, down, on no bridge, with nothing of
 * it left and the reason in xenstore.
 *
 * @param checkpoint called before each step of the attach: throws when time is up, or in a test.
 * @returns the exit status.
 * @throws what made it fail, once the port is closed.
 */
export async function online(
  event: HotplugEvent,
  means: Means,
  checkpoint: (step: Step | 'report') => void = means.deadline.check,
): Promise<number> {
  let opened: XenstoreClient | undefined;
  try {
    return await means.withStore(async (store) => {
      opened = store;
      try {
        return await come(store, event, means, checkpoint);
      } catch (cause) {
        const error = withAdvice(event, cause);
        await failClosed(store, event, means, error);
        throw error;
      }
    });
  } catch (error) {
    if (opened === undefined) await failClosed(undefined, event, means, error);
    throw error;
  }
}

/** xl undoes a create that fails, but keeps a device that was attached: the guest's next reboot would fail. */
function withAdvice({ kind, backendPath }: HotplugEvent, cause: unknown): unknown {
  if (kind === 'tap' || !(cause instanceof VifguardError)) return cause;
  const advice = attachAdvice(parseVifPath(backendPath));
  return new VifguardError(`${describeError(cause)}; ${advice}`, { cause });
}

async function come(
  store: XenstoreClient,
  event: HotplugEvent,
  means: Means,
  checkpoint: (step: Step | 'report') => void,
): Promise<number> {
  const record = await readVifRecord(store, event.backendPath);
  const bridge = bridgeOfVif(record);
  const netns = foreignNetns(bridge);
  if (netns !== undefined) {
    await sendToNetns(netns, event.device);
    return await runInNetns(netns);
  }
  const config = loadHostConfig();
  const policy = policyOfVif(record, config);
  const directory = stateDirectory();
  const { mtu } = await means.withRtnetlink((rtnetlink) =>
    withLock(`${directory}/lock`, { timeoutMs: means.deadline.remainingMs }, () =>
      attach({ ...event, rtnetlink, config, directory, record, bridge: bridge.name, policy, checkpoint }),
    ),
  );
  checkpoint('report');
  if (event.kind === 'vif') await report(store, record, mtu, policy);
  return 0;
}

/** `connected`, which lets the guest's traffic through netback, and all else at once: nobody sees half of it. */
async function report(
  store: XenstoreClient,
  { backendPath, frontend }: VifRecord,
  mtu: number,
  policy: GuardPolicy,
): Promise<void> {
  await changeVif(store, backendPath, async (view) => {
    await Promise.all([
      publishIn(view, backendPath, policyToXenstore(policy)),
      ...(frontend === undefined ? [] : [view.write(`${frontend}/mtu`, String(mtu))]),
      view.rm(`${backendPath}/hotplug-error`),
      view.write(`${backendPath}/hotplug-status`, 'connected'),
    ]);
  });
}

async function failClosed(
  store: XenstoreClient | undefined,
  event: HotplugEvent,
  means: Means,
  error: unknown,
): Promise<void> {
  const failures = await Promise.allSettled([
    closePort(event, means),
    store === undefined ? undefined : writeHotplugError(store, event.backendPath, describeError(error)),
  ]);
  for (const failure of failures) {
    if (failure.status === 'rejected') console.error(`vif-guard: ${describeError(failure.reason)}`);
  }
}
