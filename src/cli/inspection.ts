import { formatPrefix } from '../address/ip.ts';
import type { BridgePortSettings } from '../netlink/bridge-port.ts';
import type { FdbEntry } from '../netlink/fdb.ts';
import type { Link } from '../netlink/link.ts';
import type { AddressSet, GuardPolicy, Mode } from '../policy/guard-policy.ts';
import { type BridgeLayer, bridgeLayer, settingsDiffering } from '../port/bridge-layer.ts';
import { type PortKind, type PortRecord, policyOf, type Registry } from '../port/registry.ts';
import type { Reason } from '../rules/reason.ts';

/** The drops of each port, by reason. */
export type Counters = ReadonlyMap<string, ReadonlyMap<Reason, number>>;

/** What is guarded according to the registry, and what the kernel has of it. */
export interface HostState {
  readonly registry: Registry;
  readonly links: readonly Link[];
  readonly fdb: readonly FdbEntry[];
  readonly counters: Counters;
  /** How the tables differ from what they should be; one text for each line. */
  readonly tableDrift: readonly string[];
}

export type PortState = 'guarded' | 'down' | 'DRIFT' | 'missing' | 'UNGUARDED';

/** One row of `vifguard status`; `--json` prints it as it is, so keys only ever come. */
export interface PortReport {
  readonly port: string;
  readonly bridge: string | null;
  readonly kind: PortKind | null;
  readonly domain: string | null;
  readonly domid: number | null;
  readonly handle: number | null;
  readonly mac: string | null;
  readonly addresses: 'any' | readonly string[] | null;
  readonly mode: Mode | null;
  readonly state: PortState;
  /** How the port differs from what it should be, in words. */
  readonly differences: readonly string[];
  readonly drops: Readonly<Partial<Record<Reason, number>>>;
}

export interface Inspection {
  readonly ports: readonly PortReport[];
  /** What differs on the host as a whole, in words. */
  readonly host: readonly string[];
}

/** Compares the kernel with the registry: guarded ports first, then guests' ports that nobody guards. */
export function inspect(state: HostState): Inspection {
  const guarded = Object.entries(state.registry.ports).map(([port, record]) => reportPort(state, port, record));
  return {
    ports: [...guarded, ...unguardedPorts(state).map((link) => reportUnguarded(state, link))],
    host: [...bridgeDifferences(state), ...state.tableDrift],
  };
}

/** The bridge layer a port should have. */
export function expectedLayer({ ports }: Registry, record: PortRecord): BridgeLayer {
  const isTwin = (other: PortRecord) => other.domid === record.domid && other.handle === record.handle;
  return bridgeLayer(policyOf(record), Object.values(ports).filter(isTwin).length > 1);
}

function reportPort(state: HostState, port: string, record: PortRecord): PortReport {
  const policy = policyOf(record);
  const link = state.links.find(({ name }) => name === port);
  const differences = link === undefined ? ['there is no such device'] : portDifferences(state, link, record);
  return {
    port,
    bridge: record.bridge,
    kind: record.kind,
    domain: record.domain ?? null,
    domid: record.domid,
    handle: record.handle,
    mac: policy.mac,
    addresses: addressesOf(policy),
    mode: policy.mode,
    state: stateOf(link, differences.length + state.tableDrift.length),
    differences,
    drops: Object.fromEntries(state.counters.get(port) ?? []),
  };
}

function stateOf(link: Link | undefined, differences: number): PortState {
  if (link === undefined) return 'missing';
  if (differences > 0) return 'DRIFT';
  return link.up ? 'guarded' : 'down';
}

function addressesOf({ ipv4, ipv6 }: GuardPolicy): 'any' | string[] {
  if (ipv4 === 'any' && ipv6 === 'any') return 'any';
  const texts = (set: AddressSet, all: string) => (set === 'any' ? [all] : set.map(formatPrefix));
  return [...texts(ipv4, '0.0.0.0/0'), ...texts(ipv6, '::/0')];
}

function portDifferences(state: HostState, link: Link, record: PortRecord): string[] {
  const bridge = state.links.find(({ name }) => name === record.bridge);
  const master = state.links.find(({ index }) => index === link.master);
  if (bridge === undefined || master?.index !== bridge.index) {
    return [`is on ${master === undefined ? 'no bridge' : master.name}, should be on ${record.bridge}`];
  }
  const layer = expectedLayer(state.registry, record);
  return [...settingDifferences(link, layer), ...fdbDifferences(state.fdb, link, layer)];
}

function settingDifferences({ port = {} }: Link, { settings }: BridgeLayer): string[] {
  return settingsDiffering(port, settings).map(
    (name) => `${name} is ${formatSetting(port[name])}, should be ${formatSetting(settings[name])}`,
  );
}

/** A bridge port setting as bridge(8) writes it. */
export function formatSetting(value: BridgePortSettings[keyof BridgePortSettings] | undefined): string {
  if (value === undefined) return 'unknown to this kernel';
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** A port that learns may hold what it has learned; any other its pinned MACs alone. */
function fdbDifferences(fdb: readonly FdbEntry[], link: Link, { settings, pinned }: BridgeLayer): string[] {
  const entries = guestEntries(fdb, link);
  const foreign = entries.filter(
    ({ address, state }) => !(settings.learning && state === 'dynamic') && !pinned.some((mac) => mac === address),
  );
  const lacking = pinned.filter(
    (mac) => !entries.some(({ address, state }) => address === mac && state === 'static'),
  );
  return [
    ...lacking.map((mac) => `${mac} has no static FDB entry`),
    ...new Set(foreign.map(({ address, state }) => `${address} has a ${state} FDB entry, and should have none`)),
  ];
}

/** The forwarding entries of a port without those for its own address. */
export function guestEntries(fdb: readonly FdbEntry[], link: Link): FdbEntry[] {
  return fdb.filter(
    ({ port, self, address, state }) =>
      port === link.index && !self && !(state === 'permanent' && address === link.address),
  );
}

function bridgeDifferences({ registry, links }: HostState): string[] {
  return Object.keys(registry.bridges).flatMap((name) => {
    const link = links.find((candidate) => candidate.name === name);
    if (link === undefined) return [`${name}: there is no such bridge`];
    return link.bridge?.nfCallIp6tables === true
      ? []
      : [`${name}: nf_call_ip6tables is off, should be on: IPv6 does not pass`];
  });
}

/** netback's name (libxl__device_nic_devname), and libxl's for the emulated twin. */
const GUEST_PORT = /^vif\d+\.\d+(-emu)?$/;

function unguardedPorts({ registry, links }: HostState): Link[] {
  return links.filter(
    ({ name, master }) =>
      master !== undefined && GUEST_PORT.test(name) && !Object.hasOwn(registry.ports, name),
  );
}

function reportUnguarded({ links }: HostState, { name, master }: Link): PortReport {
  return {
    port: name,
    bridge: links.find(({ index }) => index === master)?.name ?? null,
    kind: null,
    domain: null,
    domid: null,
    handle: null,
    mac: null,
    addresses: null,
    mode: null,
    state: 'UNGUARDED',
    differences: ['is on a bridge without a guard; set script=vif-guard and restart the guest'],
    drops: {},
  };
}
