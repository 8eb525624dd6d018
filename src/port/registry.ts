import { statSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { quote } from '../address/quote.ts';
import type { BackendName } from '../backends/names.ts';
import { InputError, VifguardError } from '../errors.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { type PolicyJson, policyFromJson } from '../policy/serialize.ts';
import { requireRegistryShape } from './registry-shape.ts';

/** vif: the paravirtual port. tap: its emulated twin, of HVM guests. */
export type PortKind = 'vif' | 'tap';

/** A port that is guarded, or on the way to be. */
export interface PortRecord {
  readonly kind: PortKind;
  readonly bridge: string;
  readonly domid: number;
  readonly handle: number;
  /** The domain's name, as it was at online. */
  readonly domain?: string;
  /** The vif's path in xenstore, as xl gave it. */
  readonly backendPath: string;
  /** Decode with `policyOf`: with thousands of ports, one event needs few. */
  readonly policy: PolicyJson;
}

/** A bridge with guarded ports. */
export interface BridgeRecord {
  /** The bridge's own MAC. */
  readonly address: string;
  /** Whether it called ip6tables before us. */
  readonly calledIp6tables: boolean;
}

/** What is guarded in one network namespace: written before the kernel is changed, cleared after. */
export interface Registry {
  /** Set by `vifguard host up`: the tables stay when the last port goes. */
  readonly pinned: boolean;
  /** What holds the guards, whatever the host config says by now. */
  readonly backend: BackendName;
  /** While ports are moved to `backend`: the one whose rules still have to go. */
  readonly leaving?: BackendName;
  readonly bridges: Readonly<Record<string, BridgeRecord>>;
  readonly ports: Readonly<Record<string, PortRecord>>;
}

/** Without what every object has: a port may be called `constructor`. */
function bare<Item>(items: Readonly<Record<string, Item>>): Record<string, Item> {
  return Object.assign(Object.create(null), items);
}

export const EMPTY_REGISTRY: Registry = {
  pinned: false,
  backend: 'xtables',
  bridges: bare({}),
  ports: bare({}),
};

/**
 * The directory of registry and lock of the network namespace that we are in: `/run/vifguard/net-`
 * and the namespace's inode number (namespaces(7)), which lsns(8) lists.
 */
export function stateDirectory(): string {
  return join('/run/vifguard', `net-${statSync('/proc/self/ns/net').ino}`);
}

const FILE = 'registry.json';

/**
 * Reads the registry of a state directory; empty when there is none.
 *
 * @throws VifguardError when it cannot be read or is no registry.
 */
export async function readRegistry(directory: string): Promise<Registry> {
  const file = join(directory, FILE);
  try {
    const registry = { ...EMPTY_REGISTRY, ...(JSON.parse(await readFile(file, 'utf8')) as Registry) };
    requireRegistryShape(registry);
    return { ...registry, bridges: bare(registry.bridges), ports: bare(registry.ports) };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_REGISTRY;
    throw new VifguardError(`cannot read ${file}; move it away and run "vifguard host up"`, { cause });
  }
}

/**
 * Replaces the registry at once or not at all; one that holds nothing is no file.
 *
 * @throws VifguardError, with the disk full for instance.
 */
export async function writeRegistry(directory: string, registry: Registry): Promise<void> {
  const file = join(directory, FILE);
  try {
    if (isEmpty(registry)) return await rm(file, { force: true });
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, JSON.stringify(registry), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new VifguardError(`cannot write ${file}`, { cause });
  }
}

/** The backend that is in charge: as long as anything is installed, the one that holds it. */
export function backendOf(registry: Registry, configured: BackendName): BackendName {
  return isInstalled(registry) ? registry.backend : configured;
}

/** Whether the kernel should hold rules of ours. */
export function isInstalled({ pinned, ports }: Registry): boolean {
  return pinned || Object.keys(ports).length > 0;
}

/** The backends that may hold rules of ours. */
export function backendsOf({ backend, leaving }: Registry): readonly BackendName[] {
  return leaving === undefined ? [backend] : [backend, leaving];
}

function isEmpty({ pinned, bridges, ports }: Registry): boolean {
  return !pinned && Object.keys(bridges).length === 0 && Object.keys(ports).length === 0;
}

export function withPort(registry: Registry, port: string, record: PortRecord): Registry {
  return { ...registry, ports: bare({ ...registry.ports, [port]: record }) };
}

export function withoutPort(registry: Registry, port: string): Registry {
  const { [port]: _gone, ...ports } = registry.ports;
  return { ...registry, ports: bare(ports) };
}

export function withBridge(registry: Registry, bridge: string, record: BridgeRecord): Registry {
  return { ...registry, bridges: bare({ ...registry.bridges, [bridge]: record }) };
}

/** The bridges that have no port left are returned apart. */
export function withoutIdleBridges(registry: Registry): { kept: Registry; idle: Registry['bridges'] } {
  const used = new Set(Object.values(registry.ports).map(({ bridge }) => bridge));
  const entries = Object.entries(registry.bridges);
  const split = (wanted: boolean) =>
    bare(Object.fromEntries(entries.filter(([name]) => used.has(name) === wanted)));
  return registry.pinned
    ? { kept: registry, idle: {} }
    : { kept: { ...registry, bridges: split(true) }, idle: split(false) };
}

/** The port of the other half of an HVM guest's vif. */
export function twinOf(registry: Registry, { backendPath, kind }: PortRecord): string | undefined {
  return Object.entries(registry.ports).find(
    ([, other]) => other.backendPath === backendPath && other.kind !== kind,
  )?.[0];
}

/** @throws InputError when the record has been tampered with. */
export function policyOf({ backendPath, policy }: PortRecord): GuardPolicy {
  try {
    return policyFromJson(policy);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new InputError(
      `${join(stateDirectory(), FILE)} has no policy for ${quote(backendPath)}; move it away and run "vifguard host up"`,
      { cause },
    );
  }
}

/** How messages name a guest: by its domain's name, where that is known. */
export function guestName({ domain, domid }: PortRecord): string {
  return domain ?? `domain ${domid}`;
}

/** How messages name the owner of a port: `web1 (vif1.0)`. */
export function ownerLabel(port: string, record: PortRecord): string {
  return `${guestName(record)} (${port})`;
}
