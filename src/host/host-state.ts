import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, Drift } from '../backends/backend.ts';
import { hasBridgeNetfilter } from '../backends/bridge-netfilter.ts';
import { loadBackend } from '../backends/load.ts';
import { type HostConfig, loadHostConfig } from '../config/host-config.ts';
import { describeError, VifguardError } from '../errors.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import { deviceAmong, unpluggedTaps } from '../port/device.ts';
import { guardedHost } from '../port/guarded-host.ts';
import { lockHolder } from '../port/lock.ts';
import {
  backendOf,
  hostFile,
  isInstalled,
  type Registry,
  readRegistry,
  stateDirectory,
} from '../port/registry.ts';
import { type StoreView, XenstoreClient } from '../xenstore/client.ts';
import { readDomainName } from '../xenstore/vif-record.ts';
import type { AnnouncedVif, GuardState, HostState } from './inspection.ts';

/** How long to keep reading while hotplug events change things, in milliseconds; an event takes a tenth of that. */
const PATIENCE_MS = 3_000;

/** For what changes the host: as long as a hotplug event may take. */
export const LOCK_OPTIONS = { timeoutMs: 30_000 };

/** A host's state, and what was changing it during every reading, if anything was. */
export interface Reading {
  readonly state: HostState;
  readonly busy: string | undefined;
}

/**
 * Reads the host's state at rest; without the lock, so that no event ever waits for us, and changes
 * nothing. What was read while an event came in between is read again: half an event would look like drift.
 *
 * @throws VifguardError when the registry, the host config or the kernel cannot be read.
 */
export async function readSettledState(): Promise<Reading> {
  requireRoot();
  const config = loadHostConfig();
  const deadline = performance.now() + PATIENCE_MS;
  // Ports that were missing in every reading: xl deletes a device, and calls us then.
  let gone: readonly string[] | undefined;
  for (;;) {
    // An event takes the lock, writes the registry, and gives the lock back: in this order we miss none.
    const before = await readVersion();
    const busyBefore = await readHolder();
    const state = await readHostState(config);
    const busyAfter = await readHolder();
    const missing = missingPorts(state);
    gone = gone === undefined ? missing : gone.filter((port) => missing.includes(port));
    const isMoving = before !== (await readVersion()) || missing.length > gone.length;
    const busy = busyBefore ?? busyAfter ?? (isMoving ? 'guests come and go' : undefined);
    const isSettled = busy === undefined && missing.length === 0;
    if (isSettled || performance.now() >= deadline) return { state, busy };
    await sleep(50);
  }
}

/** @throws VifguardError */
export function requireRoot(): void {
  const uid = process.geteuid?.();
  if (uid === 0) return;
  throw new VifguardError(
    `uid ${uid} may read neither the packet filter nor ${stateDirectory()}; run vifguard as root`,
  );
}

function missingPorts({ registry, links }: HostState): string[] {
  const unplugged = unpluggedTaps(registry, links);
  return [...registry.ports].flatMap(([port, record]) =>
    deviceAmong(links, port, record) === undefined && !unplugged.has(port) ? [port] : [],
  );
}

async function readHolder(): Promise<string | undefined> {
  return await lockHolder(join(stateDirectory(), 'lock'));
}

/** Every write replaces host.json, so its inode and mtime identify a version of the registry. */
async function readVersion(): Promise<string> {
  const stats = await stat(hostFile(stateDirectory()), { bigint: true }).catch(() => undefined);
  return `${stats?.ino} ${stats?.mtimeNs}`;
}

/** What the packet filter holds. */
export type FilterState = Pick<GuardState, 'filtered' | 'drift'>;

/**
 * Reads the host's state as it is.
 *
 * @param filter the packet filter's state, if the caller knows it; reading it is the most expensive part.
 * @throws VifguardError
 */
export async function readHostState(
  config: HostConfig,
  filter?: (registry: Registry) => FilterState,
): Promise<HostState> {
  const registry = readWholeRegistry();
  const backend = await loadBackend(backendOf(registry, config.backend));
  const [guards, drops, vifs] = await Promise.all([
    readGuards(config, registry, filter?.(registry)),
    backend.drops(guardedHost(registry, config.untrustedPorts)),
    readVifs(),
  ]);
  return { ...guards, drops, vifs };
}

/** The part of the host's state that a repair needs. @throws VifguardError */
export async function readGuardState(config: HostConfig): Promise<GuardState> {
  return await readGuards(config, readWholeRegistry());
}

/** With all records: they may have changed by the time somebody asks for one. */
function readWholeRegistry(): Registry {
  const registry = readRegistry(stateDirectory());
  return { ...registry, ports: registry.ports.loaded() };
}

async function readGuards(config: HostConfig, registry: Registry, known?: FilterState): Promise<GuardState> {
  const { untrustedPorts } = config;
  const inCharge = backendOf(registry, config.backend);
  const backend = await loadBackend(inCharge);
  const { bridgeNetfilter } = backend;
  const [kernel, filter] = await Promise.all([
    readKernel(),
    known ?? readFilter(backend, registry, untrustedPorts),
  ]);
  return { registry, backend: inCharge, bridgeNetfilter, ...kernel, ...filter, untrustedPorts };
}

async function readFilter(
  backend: Backend,
  registry: Registry,
  untrustedPorts: HostConfig['untrustedPorts'],
): Promise<FilterState> {
  const [filtered, drift] = await Promise.all([
    backend.ports(),
    readDrift(backend, registry, untrustedPorts),
  ]);
  return { filtered, drift };
}

/** The links last: a device that goes meanwhile is missing, rather than there without its entries. */
async function readKernel(): Promise<Pick<HostState, 'links' | 'fdb' | 'vlans'>> {
  const rtnetlink = await openRtnetlink();
  try {
    const bridges = await rtnetlink.links({ kind: 'bridge' });
    const fdb = await Promise.all(bridges.map(({ index }) => rtnetlink.fdb({ master: index })));
    const filtersVlans = bridges.some(({ bridge }) => bridge?.vlanFiltering === true);
    const vlans = filtersVlans ? await rtnetlink.vlans() : [];
    return { links: await rtnetlink.links(), fdb: fdb.flat(), vlans };
  } finally {
    await rtnetlink.close();
  }
}

/** Undefined without br_netfilter: trying our rules would load it, which switches every bridge over. */
async function readDrift(
  backend: Backend,
  registry: Registry,
  untrustedPorts: HostConfig['untrustedPorts'],
): Promise<readonly Drift[] | undefined> {
  if (!isInstalled(registry)) return await backend.drift(undefined);
  if (backend.bridgeNetfilter && !hasBridgeNetfilter()) return undefined;
  return await backend.drift(guardedHost(registry, untrustedPorts));
}

async function readVifs(): Promise<HostState['vifs']> {
  try {
    const store = await XenstoreClient.open();
    try {
      return { value: await announcedVifs(store) };
    } finally {
      store.close();
    }
  } catch (error) {
    if (!(error instanceof VifguardError)) throw error;
    return { problem: describeError(error) };
  }
}

/** Relative to our own domain's path, which is the backend's. */
async function announcedVifs(store: StoreView): Promise<AnnouncedVif[]> {
  const numbers = async (path: string) =>
    (await store.directory(path)).filter((name) => /^\d{1,5}$/.test(name)).map(Number);
  const ofDomain = async (domid: number) => {
    const [domain, handles] = await Promise.all([
      readDomainName(store, domid),
      numbers(`backend/vif/${domid}`),
    ]);
    return await Promise.all(
      handles.map(async (handle) => {
        const path = `backend/vif/${domid}/${handle}`;
        const keys = ['vifname', 'hotplug-status', 'hotplug-error'].map((key) => `${path}/${key}`);
        const [vifname, status, hotplugError = ''] = await store.readAll(keys);
        return {
          domid,
          handle,
          ...(domain === undefined ? {} : { domain }),
          ...(vifname === undefined ? {} : { vifname }),
          ...(status === 'error' ? { hotplugError } : {}),
        };
      }),
    );
  };
  return (await Promise.all((await numbers('backend/vif')).map(ofDomain))).flat();
}
