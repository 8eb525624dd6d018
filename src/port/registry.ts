import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendName } from '../backends/names.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { type PolicyJson, policyFromJson } from '../policy/serialize.ts';
import { backendKey, bridgeKey, deviceKey } from './index-keys.ts';
import { PortFiles } from './port-files.ts';
import { Ports } from './ports.ts';
import { requireHostShape } from './registry-shape.ts';
import { readSingleFile } from './single-file.ts';
import { readJson } from './state-file.ts';

/** vif: the paravirtual port. tap: its emulated twin, of HVM guests. */
export type PortKind = 'vif' | 'tap';

/** A port that is guarded, or on the way to be. */
export interface PortRecord {
  readonly kind: PortKind;
  /** The index of its device. Absent where a version wrote it that told ports by their names alone: see indexOf. */
  readonly index?: number;
  readonly bridge: string;
  readonly domid: number;
  readonly handle: number;
  /** The domain's name, as it was at online, but for the mark of a migration. */
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

/** What there is beside the ports. */
export interface HostRecord {
  /** Set by `vifguard host up`: the tables stay when the last port goes. */
  readonly pinned: boolean;
  /** What holds the guards, whatever the host config says by now. */
  readonly backend: BackendName;
  /** While ports are moved to `backend`: the one whose rules still have to go. */
  readonly leaving?: BackendName;
  readonly bridges: Readonly<Record<string, BridgeRecord>>;
}

/** What is guarded in one network namespace: written before the kernel is changed, cleared after. */
export interface Registry extends HostRecord {
  readonly ports: Ports;
}

/** Without what every object has: a bridge may be called `constructor`. */
function bare<Item>(items: Readonly<Record<string, Item>>): Record<string, Item> {
  return Object.assign(Object.create(null), items);
}

export const EMPTY_REGISTRY: Registry = {
  pinned: false,
  backend: 'xtables',
  bridges: bare({}),
  ports: new Ports(),
};

/**
 * The directory of registry and lock of the network namespace that we are in: `/run/vifguard/net-`
 * and the namespace's inode number (namespaces(7)), which lsns(8) lists.
 */
export function stateDirectory(): string {
  return join('/run/vifguard', `net-${statSync('/proc/self/ns/net').ino}`);
}

export function hostFile(directory: string): string {
  return join(directory, 'host.json');
}

/**
 * Reads the registry of a state directory, its ports' records only when they are asked for; empty when
 * there is none, and that is when `host.json` is not there.
 *
 * @throws VifguardError when it cannot be read or is no registry.
 */
export function readRegistry(directory: string): Registry {
  const single = readSingleFile(directory);
  if (single !== undefined) return { ...single, bridges: bare(single.bridges) };
  const host = readJson(hostFile(directory), (json) => {
    requireHostShape(json);
    return json;
  });
  if (host === undefined) return EMPTY_REGISTRY;
  return { ...host, bridges: bare(host.bridges), ports: new Ports(new PortFiles(directory)) };
}

/** The backend that is in charge: as long as anything is installed, the one that holds it. */
export function backendOf(registry: Registry, configured: BackendName): BackendName {
  return isInstalled(registry) ? registry.backend : configured;
}

/** Whether the kernel should hold rules of ours. */
export function isInstalled({ pinned, ports }: Registry): boolean {
  return pinned || !ports.isEmpty;
}

/** The backends that may hold rules of ours. */
export function backendsOf({ backend, leaving }: Registry): readonly BackendName[] {
  return leaving === undefined ? [backend] : [backend, leaving];
}

/** Whether there is nothing to be remembered. */
export function isEmpty({ pinned, bridges, ports }: Registry): boolean {
  return !pinned && Object.keys(bridges).length === 0 && ports.isEmpty;
}

export function withPort(registry: Registry, port: string, record: PortRecord): Registry {
  return { ...registry, ports: registry.ports.with([[port, record]]) };
}

export function withoutPort(registry: Registry, port: string): Registry {
  return { ...registry, ports: registry.ports.without(port) };
}

export function withBridge(registry: Registry, bridge: string, record: BridgeRecord): Registry {
  return { ...registry, bridges: bare({ ...registry.bridges, [bridge]: record }) };
}

/** The bridges that have no port left are returned apart. */
export function withoutIdleBridges(registry: Registry): { kept: Registry; idle: Registry['bridges'] } {
  if (registry.pinned) return { kept: registry, idle: {} };
  const entries = Object.entries(registry.bridges);
  const used = new Set(
    entries.map(([name]) => name).filter((name) => registry.ports.hasUnder(bridgeKey(name))),
  );
  const split = (wanted: boolean) =>
    bare(Object.fromEntries(entries.filter(([name]) => used.has(name) === wanted)));
  return { kept: { ...registry, bridges: split(true) }, idle: split(false) };
}

/** The ports of a vif: two for an HVM guest's. */
export function portsOfVif(
  { ports }: Registry,
  backendPath: string,
): readonly (readonly [string, PortRecord])[] {
  return [...ports.under(backendKey(backendPath))].filter(([, record]) => record.backendPath === backendPath);
}

/** What is recorded of the device with that index. */
export function portsAt({ ports }: Registry, index: number): readonly (readonly [string, PortRecord])[] {
  return [...ports.under(deviceKey(index))].filter(([, record]) => record.index === index);
}

/** The port of the other half of an HVM guest's vif. */
export function twinOf(
  registry: Registry,
  { backendPath, kind }: PortRecord,
): readonly [string, PortRecord] | undefined {
  return portsOfVif(registry, backendPath).find(([, other]) => other.kind !== kind);
}

export function policyOf({ policy }: PortRecord): GuardPolicy {
  return policyFromJson(policy);
}

/** How messages name a guest: by its domain's name, where that is known. */
export function guestName({ domain, domid }: Pick<PortRecord, 'domain' | 'domid'>): string {
  return domain ?? `domain ${domid}`;
}

/** How messages name the owner of a port: `web1 (vif1.0)`. */
export function ownerLabel(port: string, record: PortRecord): string {
  return `${guestName(record)} (${port})`;
}
