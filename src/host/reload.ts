import type { IpPrefix } from '../address/ip.ts';
import { ConfigError } from '../config/config-error.ts';
import { type HostConfig, loadHostConfig } from '../config/host-config.ts';
import { describeError, InputError, VifguardError } from '../errors.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { policyDifferences } from '../policy/differences.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { policyToJson, policyToXenstore } from '../policy/serialize.ts';
import { changePolicy } from '../port/change-policy.ts';
import { refuseConflict, refuseHostAddress } from '../port/claims.ts';
import { isPresent } from '../port/device.ts';
import { hostAddresses } from '../port/host-addresses.ts';
import { withLock } from '../port/lock.ts';
import { ownMeans } from '../port/means.ts';
import {
  isInstalled,
  ownerLabel,
  type PortRecord,
  policyOf,
  type Registry,
  readRegistry,
  stateDirectory,
  withoutPort,
} from '../port/registry.ts';
import { bridgeOfVif, policyOfVif } from '../port/vif.ts';
import type { XenstoreClient } from '../xenstore/client.ts';
import { readVifRecord } from '../xenstore/vif-record.ts';
import { isPublished, publish } from '../xenstore/vif-report.ts';
import { moveBackend } from './backend-move.ts';
import { LOCK_OPTIONS, readHostState, requireRoot } from './host-state.ts';
import type { HostState } from './inspection.ts';
import { repair } from './repair.ts';

/** What a reload did and could not do, in words. */
export interface Reload {
  readonly done: readonly string[];
  /** Why ports cannot be put right, and why those whose new config cannot be used keep the guard they had. */
  readonly refused: readonly string[];
  /** How many ports were looked at. */
  readonly ports: number;
}

/** Which of the guarded ports to look at. */
export type Selection = (state: HostState) => readonly string[];

/**
 * Reads configs and xenstore again and applies what differs: first what the kernel lacks of the guards
 * that should be there, then another backend, then the ports' policies. A port whose new config is
 * refused keeps its guard.
 *
 * @throws VifguardError, ConfigError when the host config cannot be used, or when xenstored, the kernel or
 *   its tools stand in the way of all ports: each has its old guard, or its new one.
 */
export async function reload(select: Selection): Promise<Reload> {
  requireRoot();
  const config = loadHostConfig();
  const directory = stateDirectory();
  const { withStore, withRtnetlink } = ownMeans();
  return await withStore((store) =>
    withRtnetlink((rtnetlink) =>
      withLock(`${directory}/lock`, LOCK_OPTIONS, () =>
        reloadLocked({ store, rtnetlink, config, directory }, select),
      ),
    ),
  );
}

interface Store {
  readonly store: XenstoreClient;
  readonly config: HostConfig;
}

interface Host extends Store {
  readonly rtnetlink: Rtnetlink;
  readonly directory: string;
}

async function reloadLocked(host: Host, select: Selection): Promise<Reload> {
  const { config } = host;
  const state = await readHostState(config);
  const ports = select(state);
  const repaired = await repair({ ...host, state });
  const done = [...repaired.done];
  if (isInstalled(state.registry) && state.registry.backend !== config.backend) {
    done.push(...(await moveBackend(config.backend, host)));
  }
  const { done: changed, refused } = await reloadPolicies(host, ports);
  return { done: [...done, ...changed], refused: [...repaired.refused, ...refused], ports: ports.length };
}

/** Gives ports the policies that they would get if they came now. The caller holds the lock. */
export async function reloadPolicies(host: Host, ports: readonly string[]): Promise<Omit<Reload, 'ports'>> {
  const done: string[] = [];
  const registry = readRegistry(host.directory);
  const { records, refused } = await plan(host, registry, ports);
  for (const [port, after] of records) {
    try {
      done.push(...(await reloadPort(host, port, { before: registry.ports.get(port) ?? after, after })));
    } catch (error) {
      refused.push(refusal(port, after, error));
    }
  }
  return { done, refused };
}

interface Plan {
  /** The records that ports are to have, changed or not. */
  readonly records: ReadonlyMap<string, PortRecord>;
  readonly refused: string[];
}

async function plan(host: Host, registry: Registry, ports: readonly string[]): Promise<Plan> {
  const records = new Map<string, PortRecord>();
  const refused: string[] = [];
  const addressesFor = addressesByBridge(host);
  for (const port of ports) {
    const before = registry.ports.get(port);
    if (before === undefined) continue;
    try {
      const record = await readRecord(host, before);
      refuseHostAddress({ port, record, addresses: await addressesFor(record.bridge) });
      records.set(port, record);
    } catch (error) {
      refused.push(refusal(port, before, error));
    }
  }
  return await withoutConflicts(host, registry, { records, refused });
}

/** The addresses that guests of a bridge may not have, read once for each bridge. */
function addressesByBridge({ rtnetlink }: Pick<Host, 'rtnetlink'>) {
  const known = new Map<string, readonly IpPrefix[]>();
  return async (name: string): Promise<readonly IpPrefix[]> => {
    const addresses =
      known.get(name) ?? (await hostAddresses(rtnetlink, (await rtnetlink.link(name))?.index ?? 0));
    known.set(name, addresses);
    return addresses;
  };
}

/** What the record would be if the port came now. @throws InputError, ConfigError, XenstoreError */
async function readRecord({ store, config }: Store, before: PortRecord): Promise<PortRecord> {
  const vif = await readVifRecord(store, before.backendPath);
  const { name } = bridgeOfVif(vif);
  if (name !== before.bridge) {
    throw new InputError(
      `${before.backendPath}/bridge is ${name} now, and the port is on ${before.bridge}; "xl network-detach" and "xl network-attach" it`,
    );
  }
  const { domain: _, ...rest } = before;
  const domain = vif.domainName === undefined ? {} : { domain: vif.domainName };
  return { ...rest, ...domain, policy: policyToJson(policyOfVif(vif, config)) };
}

/** All new claims are compared with each other, too, as two ports may well exchange what they have. */
async function withoutConflicts(host: Host, registry: Registry, all: Plan): Promise<Plan> {
  const { rtnetlink } = host;
  let target: Registry = { ...registry, ports: registry.ports.with(all.records) };
  for (const [port, record] of all.records) {
    try {
      await refuseConflict({
        registry: target,
        port,
        record,
        isThere: (holder) => isPresent(rtnetlink, target, holder),
        forget: async (holder) => {
          target = withoutPort(target, holder);
          return target;
        },
      });
    } catch (error) {
      const records = new Map([...all.records].filter(([name]) => name !== port));
      return await withoutConflicts(host, registry, {
        records,
        refused: [...all.refused, refusal(port, record, error)],
      });
    }
  }
  return all;
}

/** Whether reloadPolicies would do something about a port, or say something. Needs no lock. */
export async function isOutdated(host: Store, record: PortRecord): Promise<boolean> {
  try {
    const now = await readRecord(host, record);
    const policy = policyOf(now);
    if (differencesOf(record, now).length > 0) return true;
    return now.kind === 'vif' && !(await isPolicyPublished(host, now, policy));
  } catch (error) {
    if (!(error instanceof VifguardError)) throw error;
    return true;
  }
}

function differencesOf(before: PortRecord, after: PortRecord): string[] {
  const renamed = before.domain === after.domain ? [] : [`domain is ${after.domain} (was ${before.domain})`];
  return [...renamed, ...policyDifferences(policyOf(before), policyOf(after))];
}

function isPolicyPublished({ store }: Store, { backendPath }: PortRecord, policy: GuardPolicy) {
  return isPublished(store, backendPath, policyToXenstore(policy));
}

async function reloadPort(
  host: Host,
  port: string,
  { before, after }: { readonly before: PortRecord; readonly after: PortRecord },
): Promise<string[]> {
  const differences = differencesOf(before, after);
  if (differences.length > 0) await changePolicy({ ...host, port, before, after });
  const policy = policyOf(after);
  if (after.kind === 'vif' && !(await isPolicyPublished(host, after, policy))) {
    await publish(host.store, after.backendPath, policyToXenstore(policy));
    if (differences.length === 0) differences.push(`its policy is in xenstore again`);
  }
  return differences.length === 0 ? [] : [`${ownerLabel(port, after)}: ${differences.join('; ')}`];
}

/** @throws the error itself when it is a defect. */
function refusal(port: string, record: PortRecord, error: unknown): string {
  if (!(error instanceof VifguardError)) throw error;
  const isInput = error instanceof InputError || error instanceof ConfigError;
  const consequence = isInput ? 'keeps the guard it had' : 'was not reloaded';
  return `${ownerLabel(port, record)} ${consequence}: ${describeError(error)}`;
}
