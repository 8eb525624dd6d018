import { formatPrefix } from '../address/ip.ts';
import type { Drift, Drops } from '../backends/backend.ts';
import type { BackendName } from '../backends/names.ts';
import type { HostConfig } from '../config/host-config.ts';
import type { BridgePortSettings } from '../netlink/bridge-port.ts';
import type { BridgeVlan } from '../netlink/bridge-vlan.ts';
import type { FdbEntry } from '../netlink/fdb.ts';
import type { Link } from '../netlink/link.ts';
import type { AddressSet, GuardPolicy, Mode } from '../policy/guard-policy.ts';
import {
  accessVid,
  type BridgeLayer,
  isAccess,
  KEPT_OUT,
  layerOf,
  settingsDiffering,
} from '../port/bridge-layer.ts';
import { deviceAmong, unpluggedTaps } from '../port/device.ts';
import { guestName, type PortKind, type PortRecord, policyOf, type Registry } from '../port/registry.ts';
import { attachAdvice, detachAdvice } from '../xenstore/vif-report.ts';
import { parseGuestPort } from './guest-port.ts';

/** A vif as the toolstack announced it in xenstore. */
export interface AnnouncedVif {
  readonly domid: number;
  readonly handle: number;
  readonly domain?: string;
  readonly vifname?: string;
  /** Why its script failed, if it did. */
  readonly hotplugError?: string;
}

/** What vifguard guards by its own account, and how the kernel holds it. */
export interface GuardState {
  readonly registry: Registry;
  /** What is in charge. */
  readonly backend: BackendName;
  /** Whether the backend in charge needs bridges to call ip6tables. */
  readonly bridgeNetfilter: boolean;
  /** The ports that the packet filter has rules for. */
  readonly filtered: readonly string[];
  readonly links: readonly Link[];
  readonly fdb: readonly FdbEntry[];
  /** Of all ports, if any bridge filters VLANs. */
  readonly vlans: readonly BridgeVlan[];
  /** How the packet filter differs; undefined when bridges cannot call ip6tables, and so nothing holds. */
  readonly drift: readonly Drift[] | undefined;
  /** The host config's untrusted ports. */
  readonly untrustedPorts: HostConfig['untrustedPorts'];
}

/** The same with what the guards have done, and whom there is to guard. */
export interface HostState extends GuardState {
  readonly drops: ReadonlyMap<string, Drops>;
  readonly vifs: { readonly value: readonly AnnouncedVif[] } | { readonly problem: string };
}

/** One thing that is not as it should be. */
export interface Finding {
  /** The port, bridge, chain or service it is about. */
  readonly subject: string;
  readonly problem: string;
  readonly remedy: string;
  /** The guarded ports that it weakens. */
  readonly ports: readonly string[];
  /** Every rule or chain of it, when `problem` names only the first. */
  readonly details: readonly string[];
}

/**
 * guarded: held to its policy. down: the same, and administratively down. drifted: something is not as
 * it should be. unguarded: a guest's port on a bridge that vifguard has no record of.
 */
export type PortState = 'guarded' | 'drifted' | 'down' | 'unguarded';

/** One port of a guest, as `--json` prints it. Keys may be added, never renamed or removed. */
export interface PortReport {
  readonly port: string;
  readonly bridge: string;
  readonly kind: PortKind;
  readonly domain: string | null;
  readonly domid: number | null;
  readonly handle: number | null;
  readonly mac: string | null;
  readonly addresses: 'any' | readonly string[] | null;
  readonly mode: Mode | null;
  /** null: the bridge's default. */
  readonly vlan: number | null;
  readonly state: PortState;
  /** What is not as it should be, in words. */
  readonly differences: readonly string[];
  readonly drops: Drops;
}

export interface Inspection {
  /** Unguarded ports first. */
  readonly ports: readonly PortReport[];
  readonly findings: readonly Finding[];
}

const HOST_UP = 'run "vifguard host up"';
const RESTART = 'restart the guest, or "xl network-detach" and "xl network-attach" it';

/** Compares the kernel with what vifguard should have put there. */
export function inspect(state: HostState): Inspection {
  const unguarded = unguardedPorts(state);
  const unplugged = unpluggedTaps(state.registry, state.links);
  const ports = [...state.registry.ports].filter(([port]) => !unplugged.has(port));
  const findings = [
    ...unguarded.map((link) => unguardedFinding(state, link)),
    ...ports.flatMap(([port, record]) => portFindings(state, port, record)),
    ...Object.keys(state.registry.bridges).flatMap((bridge) => bridgeFindings(state, bridge)),
    ...driftFindings(state),
    ...moveFindings(state),
    ...('problem' in state.vifs ? [storeFinding(state.vifs.problem)] : refusedFindings(state.vifs.value)),
  ];
  const guarded = ports.map(([port, record]) => reportGuarded(state, findings, port, record));
  const reports = [...unguarded.map((link) => reportUnguarded(state, findings, link)), ...sorted(guarded)];
  return { ports: reports, findings };
}

function sorted(reports: readonly PortReport[]): PortReport[] {
  const byNumber = new Intl.Collator('en', { numeric: true });
  return [...reports].sort(
    (a, b) => byNumber.compare(a.bridge, b.bridge) || byNumber.compare(a.port, b.port),
  );
}

function reportGuarded(
  state: HostState,
  findings: readonly Finding[],
  port: string,
  record: PortRecord,
): PortReport {
  const policy = policyOf(record);
  const own = findings.filter(({ ports }) => ports.includes(port));
  const up = deviceAmong(state.links, port, record)?.up === true;
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
    vlan: policy.vlan ?? null,
    state: own.length > 0 ? 'drifted' : up ? 'guarded' : 'down',
    differences: own.map((finding) => differenceText(port, finding)),
    drops: state.drops.get(port) ?? {},
  };
}

function differenceText(port: string, { subject, problem }: Finding): string {
  return subject === port ? problem : `${subject}: ${problem}`;
}

function addressesOf({ ipv4, ipv6 }: GuardPolicy): 'any' | string[] {
  if (ipv4 === 'any' && ipv6 === 'any') return 'any';
  const texts = (set: AddressSet, all: string) => (set === 'any' ? [all] : set.map(formatPrefix));
  return [...texts(ipv4, '0.0.0.0/0'), ...texts(ipv6, '::/0')];
}

function reportUnguarded(state: HostState, findings: readonly Finding[], link: Link): PortReport {
  const vif = identify(state, link.name);
  const own = findings.filter(({ subject }) => subject === link.name);
  return {
    port: link.name,
    bridge: masterOf(state, link)?.name ?? '',
    kind: vif?.kind ?? 'vif',
    domain: vif?.domain ?? null,
    domid: vif?.domid ?? null,
    handle: vif?.handle ?? null,
    mac: null,
    addresses: null,
    mode: null,
    vlan: null,
    state: 'unguarded',
    differences: own.map(({ problem }) => problem),
    drops: state.drops.get(link.name) ?? {},
  };
}

function linkNamed({ links }: HostState, name: string): Link | undefined {
  return links.find((link) => link.name === name);
}

function masterOf({ links }: GuardState, { master }: Link): Link | undefined {
  return links.find(({ index, kind }) => index === master && kind === 'bridge');
}

/** Guests' ports on any bridge: one that is meant to be open has mode=unlocked, and a record. */
function unguardedPorts(state: HostState): Link[] {
  const recorded = recordedLinks(state);
  return state.links.filter(
    (link) =>
      masterOf(state, link) !== undefined &&
      !recorded.has(link) &&
      (identify(state, link.name) !== undefined || leftRules(state, link.name) || isLocked(link)),
  );
}

/** As a guest's port is, and hardly anybody else's. */
function isLocked({ port }: Link): boolean {
  return port?.locked === true;
}

/** The devices of ports that have a record. */
function recordedLinks({ registry, links }: GuardState): ReadonlySet<Link | undefined> {
  return new Set([...registry.ports].map(([port, record]) => deviceAmong(links, port, record)));
}

/** Whose port it is, by its name or by the vifname that xenstore has of it. */
function identify(state: HostState, name: string): (AnnouncedVif & { kind: PortKind }) | undefined {
  const vifs = 'value' in state.vifs ? state.vifs.value : [];
  const named = parseGuestPort(name);
  const vif =
    vifs.find(({ domid, handle }) => domid === named?.domid && handle === named.handle) ??
    vifs.find(({ vifname }) => vifname !== undefined && (name === vifname || name === `${vifname}-emu`));
  if (vif !== undefined) return { kind: named?.kind ?? (name === vif.vifname ? 'vif' : 'tap'), ...vif };
  return named;
}

/** Ports on a bridge that have no record any more, and rules. */
export function portsWithoutRecord(state: GuardState): string[] {
  const recorded = recordedLinks(state);
  return state.links
    .filter((link) => masterOf(state, link) !== undefined && !recorded.has(link))
    .map(({ name }) => name)
    .filter((name) => leftRules(state, name));
}

/** Whether the packet filter still has rules of a port that has no record any more. */
function leftRules({ filtered }: GuardState, name: string): boolean {
  return filtered.includes(name);
}

function unguardedFinding(state: HostState, link: Link): Finding {
  const bridge = masterOf(state, link)?.name ?? 'a bridge';
  if (identify(state, link.name) === undefined && !leftRules(state, link.name)) {
    return finding(
      [link.name, `unguarded: on ${bridge}, locked as a guest's port is, and vifguard has no record of it`],
      `unless it is you who locked it, run "ip link set dev ${link.name} down", and restart its guest`,
    );
  }
  return leftRules(state, link.name)
    ? finding(
        [link.name, `unguarded: on ${bridge}, and vifguard has rules but no record of it any more`],
        `${HOST_UP}, which closes it; then ${RESTART}`,
      )
    : finding(
        [link.name, `unguarded: on ${bridge}, and vifguard has no record of it`],
        `set script=vif-guard in its vif spec, then ${RESTART}`,
      );
}

function portFindings(state: HostState, port: string, record: PortRecord): Finding[] {
  const link = deviceAmong(state.links, port, record);
  if (link === undefined) {
    const isTaken = linkNamed(state, port) !== undefined;
    const why = isTaken ? 'another device has its name' : 'there is no such device';
    const remedy = 'run "xl network-detach" for it, or take its domain\'s left-overs away by "xl destroy"';
    return [finding([port, `the port is gone: ${why}`], remedy, [port])];
  }
  const master = masterOf(state, link);
  if (master?.name !== record.bridge) {
    const where = master === undefined ? 'on no bridge' : `on bridge ${master.name}`;
    return [finding([port, `is ${where}, should be on ${record.bridge}`], RESTART, [port])];
  }
  const attached = { ...state, link, bridge: master };
  return [
    ...nameProblems(state, port, link),
    ...layerProblems(attached, layerOf(state.registry, record)),
  ].map((problem) => finding([port, problem], HOST_UP, [port]));
}

/** Rules of xtables know a port by its name. */
function nameProblems({ backend }: HostState, port: string, { name }: Link): string[] {
  const rules = backend === 'xtables' ? ', which has no rules' : '';
  return name === port ? [] : [`was renamed to ${name}${rules}`];
}

/** A port on its bridge, as the kernel has it; `fdb` and `vlans` may be of others, too. */
export interface AttachedLink {
  readonly link: Link;
  readonly bridge: Link;
  readonly fdb: readonly FdbEntry[];
  readonly vlans: readonly BridgeVlan[];
}

/** What of the bridge's settings, VLANs and forwarding entries of a port is not as it should be, in words. */
export function layerProblems(attached: AttachedLink, layer: BridgeLayer): string[] {
  return [
    ...settingProblems(attached.link, layer),
    ...deviceProblems(attached.link),
    ...vlanProblems(attached, layer),
    ...fdbProblems(attached, layer),
  ];
}

function vlanProblems(attached: AttachedLink, layer: BridgeLayer): string[] {
  const vlan = compareVlan(attached, layer);
  return vlan === undefined || vlan.is === vlan.should
    ? []
    : [`it is in VLAN ${vlan.is}, should be in ${vlan.should}`];
}

/** The VLANs of a port, as they are and as they should be; undefined where they do not matter. */
export function compareVlan(
  { link, bridge, vlans }: AttachedLink,
  layer: BridgeLayer,
): { readonly is: string; readonly should: string } | undefined {
  const vid = accessVid(layer, bridge);
  if (vid === undefined) return undefined;
  const own = vlans.filter(({ port }) => port === link.index);
  const should = vid === 0 ? 'none' : String(vid);
  return { is: isAccess(own, vid) ? should : own.map(formatVlan).join(', ') || 'none', should };
}

/** As bridge(8) writes it. */
function formatVlan({ first, last, pvid, untagged }: BridgeVlan): string {
  const range = first === last ? `${first}` : `${first}-${last}`;
  return [range, ...(pvid ? ['PVID'] : []), untagged ? 'untagged' : 'tagged'].join(' ');
}

function settingProblems({ port = {} }: Link, { settings }: BridgeLayer): string[] {
  return settingsDiffering(port, settings).map(
    (name) => `${name} is ${formatSetting(port[name])}, should be ${formatSetting(settings[name])}`,
  );
}

/** They matter once the port has lost its bridge. */
function deviceProblems({ arp, group }: Link): string[] {
  return [
    ...(arp === KEPT_OUT.arp ? [] : ['arp is on, should be off']),
    ...(group === KEPT_OUT.group ? [] : [`its device group is ${group}, should be ${KEPT_OUT.group}`]),
  ];
}

/** A bridge port setting as bridge(8) writes it. */
export function formatSetting(value: BridgePortSettings[keyof BridgePortSettings] | undefined): string {
  if (value === undefined) return 'unknown to this kernel';
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** A forwarding entry of a port, as it is (null: there is none) and as it should be. */
export interface FdbComparison {
  readonly address: string;
  /** null: for a bridge that does not filter VLANs. */
  readonly vlan: number | null;
  readonly is: FdbEntry['state'] | 'non-sticky' | null;
  /** null: there should be none. `dynamic` may come and go. */
  readonly should: 'static' | 'dynamic' | null;
}

/**
 * A port that learns may hold what it has learned; any other its pinned MACs alone. Where a bridge filters VLANs,
 * an entry counts in its own; without, the kernel looks for those of none.
 */
export function compareFdb({ link, bridge, fdb }: AttachedLink, layer: BridgeLayer): FdbComparison[] {
  const entries = guestEntries(fdb, link);
  const vlan = accessVid(layer, bridge) || null;
  const pinned: readonly string[] = layer.pinned;
  const stateOf = (mac: string): FdbComparison['is'] => {
    const entry = entries.find(({ address, vlan: own = null }) => address === mac && own === vlan);
    if (entry === undefined) return null;
    // A frame from an uplink could move it.
    return entry.state === 'static' && !entry.sticky ? 'non-sticky' : entry.state;
  };
  const others = entries.filter(({ address }) => !pinned.includes(address));
  return [
    ...pinned.map((address) => ({ address, vlan, is: stateOf(address), should: 'static' as const })),
    ...others.map((entry) => ({
      address: entry.address,
      vlan: entry.vlan ?? null,
      is: entry.state,
      should: layer.settings.learning && entry.state === 'dynamic' ? ('dynamic' as const) : null,
    })),
  ];
}

/** The forwarding entries of a port without those for its own address. */
function guestEntries(fdb: readonly FdbEntry[], link: Link): FdbEntry[] {
  return fdb.filter(
    ({ port, self, address, state }) =>
      port === link.index && !self && !(state === 'permanent' && address === link.address),
  );
}

function fdbProblems(attached: AttachedLink, layer: BridgeLayer): string[] {
  return compareFdb(attached, layer)
    .filter(({ is, should }) => is !== should)
    .map(({ address, vlan, is, should }) => {
      const where = vlan === null ? '' : ` in VLAN ${vlan}`;
      if (is === null) return `${address} has no ${should} FDB entry${where}`;
      return should === null
        ? `${address} has a ${is} FDB entry${where}, should have none`
        : `${address} has a ${is} FDB entry${where}, should have a ${should} one`;
    });
}

function bridgeFindings(state: HostState, name: string): Finding[] {
  const ports = [...state.registry.ports].flatMap(([port, { bridge }]) => (bridge === name ? [port] : []));
  const bridge = linkNamed(state, name);
  if (bridge?.kind !== 'bridge') {
    // One that only its record remembers may go.
    if (ports.length === 0) return [];
    const remedy = 'make the bridge, and restart its guests; or detach them';
    return [finding([name, 'there is no such bridge'], remedy, ports)];
  }
  const problem = 'nf_call_ip6tables is off, should be on: its guests lose IPv6';
  const calls = !state.bridgeNetfilter || bridge.bridge?.nfCallIp6tables === true;
  return [
    ...(calls ? [] : [finding([name, problem], HOST_UP, ports)]),
    ...mixedVlans(state, bridge),
    ...isolatedUplinks(state, bridge),
  ];
}

/** The bridges that do not filter VLANs any more, with the ports that are in one. */
export function bridgesMixingVlans({ registry, links }: Pick<GuardState, 'registry' | 'links'>) {
  const inVlans = [...registry.ports].filter(([, { policy }]) => policy.vlan !== undefined);
  return links
    .filter(({ bridge }) => bridge?.vlanFiltering === false)
    .map((bridge) => ({
      bridge,
      ports: inVlans.flatMap(([port, record]) => (record.bridge === bridge.name ? [port] : [])),
    }))
    .filter(({ ports }) => ports.length > 0);
}

function mixedVlans(state: HostState, { index, name }: Link): Finding[] {
  const problem = 'vlan_filtering is off, should be on: its VLANs are one';
  return bridgesMixingVlans(state)
    .filter(({ bridge }) => bridge.index === index)
    .map(({ ports }) => finding([name, problem], HOST_UP, ports));
}

/** Isolated ports do not reach each other. */
function isolatedUplinks(state: HostState, bridge: Link): Finding[] {
  const untrusted: readonly string[] = state.untrustedPorts;
  const recorded = recordedLinks(state);
  return state.links
    .filter((link) => {
      const { name, master, port } = link;
      const isGuests = recorded.has(link) || identify(state, name) !== undefined;
      const isOurs = isGuests || port?.locked === true || untrusted.includes(name);
      return master === bridge.index && port?.isolated === true && !isOurs;
    })
    .map(({ name }) =>
      finding(
        [name, `the uplink of ${bridge.name} is isolated: isolated guests do not reach it`],
        `run "bridge link set dev ${name} isolated off"`,
      ),
    );
}

function driftFindings(state: HostState): Finding[] {
  const { registry, drift } = state;
  const ports = registry.ports.keys();
  if (drift === undefined) {
    const problem = 'not loaded: bridges do not call ip6tables, and guests lose IPv6';
    return [finding(['br_netfilter', problem], HOST_UP, ports)];
  }
  // Host down would leave ports open whose record is lost: it refuses.
  const isInUse = registry.pinned || ports.length > 0 || portsWithoutRecord(state).length > 0;
  const groups = groupBy(drift, ({ where, kind, ports: own }) => `${where}\n${kind}\n${own?.join()}`);
  return groups.map(([first, ...more]) => {
    const { where, kind, what, ports: own } = first;
    const count = more.length === 0 ? '' : ` (and ${more.length} more)`;
    const remedy = isInUse ? HOST_UP : 'run "vifguard host down"';
    const weakened = own === undefined ? ports : ports.filter((name) => own.includes(name));
    const details = [first, ...more].map((one) => one.what);
    return { ...finding([where, `${kind}: ${what}${count}`], remedy, weakened), details };
  });
}

function moveFindings({ registry: { backend, leaving } }: HostState): Finding[] {
  if (leaving === undefined) return [];
  const problem = `the move to ${backend} was interrupted: rules of both are there`;
  return [finding([leaving, problem], HOST_UP)];
}

type NonEmpty<Item> = readonly [Item, ...Item[]];

function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): NonEmpty<Item>[] {
  const groups = new Map<string, [Item, ...Item[]]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function storeFinding(problem: string): Finding {
  return finding(
    ['xenstored', `${problem}: an unguarded vif with a vifname goes unseen`],
    'run "systemctl start xenstored"',
  );
}

/** What a refused "xl network-attach" leaves: it is closed, and would make the guest's next reboot fail. */
function refusedFindings(vifs: readonly AnnouncedVif[]): Finding[] {
  return vifs.flatMap((vif) => {
    const { domid, handle, hotplugError } = vif;
    if (hotplugError === undefined) return [];
    const [reason] = hotplugError.split(`; ${attachAdvice(vif)}`);
    const problem = `left over of ${guestName(vif)}, refused: ${reason}`;
    return [finding([`vif${domid}.${handle}`, problem], detachAdvice(vif))];
  });
}

/** @param ports those that it weakens; none unless told. */
function finding(
  [subject, problem]: readonly [subject: string, problem: string],
  remedy: string,
  ports: readonly string[] = [],
): Finding {
  return { subject, problem, remedy, ports, details: [] };
}
