import { parseBridgeName } from '../address/interface-name.ts';
import { parseMac } from '../address/mac.ts';
import { vifDirectives } from '../config/directives.ts';
import { findDomainConfig } from '../config/domain-config.ts';
import { effectivePolicy } from '../config/effective-policy.ts';
import { type HostConfig, loadHostConfig } from '../config/host-config.ts';
import { describeError, InputError, VifguardError } from '../errors.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { policyToXenstore } from '../policy/serialize.ts';
import { attach } from '../port/attach.ts';
import { Deadline } from '../port/deadline.ts';
import { close } from '../port/detach.ts';
import { withLock } from '../port/lock.ts';
import { readRegistry, stateDirectory } from '../port/registry.ts';
import { XenstoreClient } from '../xenstore/client.ts';
import { readVifRecord, type VifRecord } from '../xenstore/vif-record.ts';
import {
  changeVif,
  publish,
  unpublish,
  writeHotplugError,
  writeHotplugStatus,
} from '../xenstore/vif-report.ts';
import { type HotplugEvent, parseEvent } from './event.ts';

/** Where the effective policy is published, below the vif's backend path. */
const PUBLISHED = 'vifguard';

/** What is left of the time for undoing what failed, in milliseconds. */
const UNDO_MS = 10_000;

const deadline = new Deadline();

async function handle(event: HotplugEvent): Promise<void> {
  const store = await XenstoreClient.open();
  try {
    await (event.action === 'attach' ? online(store, event) : offline(store, event));
  } finally {
    store.close();
  }
}

async function online(store: XenstoreClient, event: HotplugEvent): Promise<void> {
  try {
    await guard(store, event);
  } catch (error) {
    await writeHotplugError(store, event.backendPath, sentence(error)).catch(() => undefined);
    throw error;
  }
}

async function guard(store: XenstoreClient, event: HotplugEvent): Promise<void> {
  const record = await readVifRecord(store, event.backendPath);
  const config = loadHostConfig();
  const policy = policyFor(record, config);
  const bridge = bridgeOf(record);
  const directory = stateDirectory();
  const rtnetlink = await openRtnetlink();
  try {
    const { mtu } = await withLock(`${directory}/lock`, { timeoutMs: deadline.remainingMs - UNDO_MS }, () =>
      attach({
        ...event,
        rtnetlink,
        config,
        directory,
        record,
        bridge,
        policy,
        checkpoint: (step) => deadline.check(step),
      }),
    );
    if (event.kind === 'tap') return;
    await report(store, record, mtu, policy);
  } finally {
    await rtnetlink.close();
  }
}

/** `connected` comes last: it is what lets the guest's traffic through netback. */
async function report(
  store: XenstoreClient,
  record: VifRecord,
  mtu: number,
  policy: GuardPolicy,
): Promise<void> {
  const { backendPath, frontend } = record;
  await publish(store, backendPath, PUBLISHED, policyToXenstore(policy));
  await changeVif(store, backendPath, async (view) => {
    if (frontend !== undefined) await view.write(`${frontend}/mtu`, String(mtu));
    await view.rm(`${backendPath}/hotplug-error`);
  });
  await writeHotplugStatus(store, backendPath, 'connected');
}

async function offline(store: XenstoreClient, event: HotplugEvent): Promise<void> {
  const directory = stateDirectory();
  const config = loadHostConfigLeniently();
  const rtnetlink = await openRtnetlink();
  try {
    await withLock(`${directory}/lock`, { timeoutMs: deadline.remainingMs }, async () => {
      const { ports } = await readRegistry(directory);
      const known = Object.entries(ports).find(
        ([, port]) => port.backendPath === event.backendPath && port.kind === event.kind,
      );
      await close({ rtnetlink, config, directory, port: known?.[0] ?? event.device, device: event.device });
    });
    if (event.kind === 'vif') await unpublish(store, event.backendPath, PUBLISHED);
  } finally {
    await rtnetlink.close();
  }
}

/** A host config that has gone bad must not keep a port from being closed. */
function loadHostConfigLeniently(): Pick<HostConfig, 'untrustedPorts'> {
  try {
    return loadHostConfig();
  } catch (error) {
    if (!(error instanceof VifguardError)) throw error;
    return { untrustedPorts: [] };
  }
}

function policyFor(record: VifRecord, config: HostConfig): GuardPolicy {
  const { backendPath, handle, domainName, mac } = record;
  if (mac === undefined) throw new InputError(`${backendPath}/mac is missing; xl writes it for every vif`);
  const domain =
    domainName === undefined
      ? undefined
      : findDomainConfig({ name: domainName, paths: config.domainConfigs });
  const vif = { ...record, mac };
  // Checked where it is read: directives apply to the vif with this MAC only.
  const directives =
    domain === undefined || !isMac(mac) ? {} : vifDirectives(domain, { handle, mac: parseMac(mac) });
  return effectivePolicy({ path: backendPath, vif, directives, defaults: config.defaults });
}

function isMac(text: string): boolean {
  try {
    return parseMac(text) !== '';
  } catch {
    return false;
  }
}

function bridgeOf({ bridge, backendPath }: VifRecord): string {
  if (bridge === undefined || bridge === '') {
    throw new InputError(
      `${backendPath}/bridge is missing; write bridge=xenbr0 in the vif spec or set vif.default.bridge in xl.conf`,
    );
  }
  const { netns, name } = parseBridgeName(bridge);
  if (netns === undefined) return name;
  throw new InputError(
    `${backendPath}/bridge: this version has no bridges in network namespaces; use a bridge of dom0`,
  );
}

function sentence(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(sentence).join('; then ');
  return describeError(error);
}

async function main(): Promise<number> {
  try {
    const event = parseEvent(process.argv.slice(2), process.env);
    if (event !== undefined) await handle(event);
    return 0;
  } catch (error) {
    const expected = error instanceof VifguardError || error instanceof AggregateError;
    console.error(
      `vif-guard: ${expected ? sentence(error) : `defect: ${error instanceof Error ? error.stack : String(error)}`}`,
    );
    return 1;
  }
}

main().then((code) => {
  process.exitCode = code;
});
