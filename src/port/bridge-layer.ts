import { type MacAddress, parseMac } from '../address/mac.ts';
import { quote } from '../address/quote.ts';
import { GUEST_GROUP } from '../backends/guest-group.ts';
import { InputError, VifguardError } from '../errors.ts';
import type { BridgePortSettings } from '../netlink/bridge-port.ts';
import type { BridgeVlan } from '../netlink/bridge-vlan.ts';
import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { macsOf } from '../policy/identity.ts';
import { type PortRecord, policyOf, type Registry, twinOf } from './registry.ts';

/** What makes the bridge itself hold a guest to its MAC; bridge(8) has the names. */
export interface BridgeLayer {
  readonly settings: Partial<BridgePortSettings>;
  /** The MACs that a guest which is guarded calls its own. */
  readonly macs: readonly MacAddress[];
  /** Those of them with a static FDB entry on the port. */
  readonly pinned: readonly MacAddress[];
  /**
   * The one VLAN that the port is in, where the bridge filters VLANs; `default`: the one that the bridge gives.
   * Absent: whatever it is in, which is how an open port gets a trunk.
   */
  readonly vlan?: number | 'default';
}

/** Every reserved group, 01:80:c2:00:00:03 to :0f, is forwarded: into PREROUTING, where it is dropped. */
const ALL_GROUPS = 0xfff8;

/**
 * The settings of a guarded port, in full.
 *
 * @param twin whether an HVM guest's vif and tap are both there: one static FDB entry could be on one
 *   of them only, so both learn, and the filter alone pins the MAC. So do ports with virtual MACs.
 */
export function bridgeLayer(policy: GuardPolicy, twin: boolean): BridgeLayer {
  const { vlan } = policy;
  if (policy.mode === 'unlocked')
    return { settings: PLAIN, macs: [], pinned: [], ...(vlan === undefined ? {} : { vlan }) };
  const learns = twin || policy.virtualRouters.length > 0;
  const macs = macsOf(policy);
  return {
    settings: {
      isolated: policy.peers === 'isolated',
      locked: !learns,
      learning: learns,
      flood: learns,
      mcastFlood: true,
      bcastFlood: true,
      mcastToUnicast: false,
      mcastRouter: 0,
      guard: true,
      rootBlock: true,
      fastLeave: false,
      hairpin: false,
      proxyArp: false,
      neighSuppress: false,
      groupFwdMask: ALL_GROUPS,
    },
    macs,
    pinned: learns ? [] : macs,
    vlan: vlan ?? 'default',
  };
}

/** The bridge layer that a registered port should have. */
export function layerOf(registry: Registry, record: PortRecord): BridgeLayer {
  return bridgeLayer(policyOf(record), twinOf(registry, record) !== undefined);
}

/** As the kernel makes a port. */
const PLAIN: Partial<BridgePortSettings> = {
  isolated: false,
  locked: false,
  learning: true,
  flood: true,
  mcastFlood: true,
  bcastFlood: true,
  mcastRouter: 1,
  guard: false,
  rootBlock: false,
  groupFwdMask: 0,
};

/** What keeps a port out of dom0's own network should it lose its bridge: it is deaf to ARP, and in the group. */
export const KEPT_OUT: Pick<Link, 'arp' | 'group'> = { arp: false, group: GUEST_GROUP };

export interface Membership {
  readonly port: {
    readonly index: number;
    /** Whether it is on that bridge already. */
    readonly joined: boolean;
  };
  readonly bridge: Link;
  readonly layer: BridgeLayer;
}

/**
 * The VLAN that a port should be in, and no other; 0 is none. Undefined when the bridge does not filter
 * VLANs, and when it may be in any.
 */
export function accessVid({ vlan }: BridgeLayer, { bridge = {} }: Link): number | undefined {
  if (bridge.vlanFiltering !== true) return undefined;
  return vlan === 'default' ? bridge.vlanDefaultPvid : vlan;
}

/** Whether the VLANs of a port are that one, untagged. */
export function isAccess(vlans: readonly BridgeVlan[], vid: number): boolean {
  const [vlan, ...more] = vlans;
  if (vlan === undefined) return vid === 0;
  return more.length === 0 && vlan.first === vid && vlan.last === vid && vlan.pvid && vlan.untagged;
}

/**
 * Puts a port that is down on its bridge, or sets one right that is there. Stale learned FDB entries,
 * which `locked` would honour, go, and static ones come, for its VLAN and for a bridge without VLANs.
 *
 * @throws InputError when the port is to be in a VLAN, and the bridge does not filter VLANs, or when its MAC
 *   is dom0's; VifguardError when the kernel took a setting without keeping it, as one that is too old does.
 */
export async function joinBridge(rtnetlink: Rtnetlink, { port, bridge, layer }: Membership): Promise<void> {
  const { index } = port;
  refuseUnfiltered(bridge, layer);
  const vid = accessVid(layer, bridge);
  const membership = port.joined ? {} : { master: bridge.index };
  await rtnetlink.setLink(index, { ...membership, ...KEPT_OUT, port: layer.settings });
  const link = await rtnetlink.linkAt(index);
  if (link !== undefined) {
    refuseUnkept(link, layer);
    await refuseOwn(rtnetlink, [bridge, link], layer);
  }
  if (vid !== undefined) await joinVlan(rtnetlink, index, vid);
  if (port.joined) await rtnetlink.flushFdb(index);
  if (port.joined && link !== undefined) await unpin(rtnetlink, link, layer.pinned);
  for (const address of layer.pinned) await rtnetlink.replaceFdb({ port: index, address });
}

/** The bridge has put the port in its default VLAN; `locked` drops what comes until its MACs are pinned in the new one. */
async function joinVlan(rtnetlink: Rtnetlink, port: number, vid: number): Promise<void> {
  if (isAccess(await rtnetlink.vlans(port), vid)) return;
  if (vid !== 0) await rtnetlink.setAccessVlan({ port, vid });
  const others = (await rtnetlink.vlans(port)).filter(({ first }) => first !== vid);
  for (const vlans of others) await leaveVlans(rtnetlink, vlans);
}

/** Static FDB entries would stay, and nobody can delete them once the port is out of their VLAN. */
async function leaveVlans(rtnetlink: Rtnetlink, vlans: BridgeVlan): Promise<void> {
  const { port, first, last } = vlans;
  for (const { address, vlan, state } of await rtnetlink.fdb({ port })) {
    if (vlan === undefined || vlan < first || vlan > last || state === 'permanent') continue;
    await rtnetlink.deleteFdb({ port, address: parseMac(address), vlan });
  }
  await rtnetlink.deleteVlans(vlans);
}

function refuseUnfiltered({ name, bridge = {} }: Link, { vlan }: BridgeLayer): void {
  if (typeof vlan !== 'number' || bridge.vlanFiltering === true) return;
  throw new InputError(
    bridge.vlanDefaultPvid === undefined
      ? `VLAN ${vlan} cannot be: this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)`
      : `VLAN ${vlan} cannot be: bridge ${quote(name)} does not filter VLANs; run "ip link set ${name} type bridge vlan_filtering 1"`,
  );
}

/** Takes away entries of an earlier policy's, or of somebody else's, but for the port's own address. */
async function unpin(
  rtnetlink: Rtnetlink,
  { index, address: own }: Link,
  kept: readonly string[],
): Promise<void> {
  const entries = (await rtnetlink.fdb({ port: index })).filter(({ self, address }) => {
    return !self && address !== own && !kept.includes(address);
  });
  for (const { address } of entries) await rtnetlink.deleteFdb({ port: index, address: parseMac(address) });
}

/** A static FDB entry would take the place of the permanent one that leads to dom0: that of any port's device. */
async function refuseOwn(
  rtnetlink: Rtnetlink,
  [bridge, port]: readonly [bridge: Link, port: Link],
  { macs }: BridgeLayer,
): Promise<void> {
  for (const mac of macs) {
    const named = [bridge, port].find(({ address }) => address === mac);
    const entry = await rtnetlink.findFdb({ port: port.index, address: mac });
    // On the guest's own port it is somebody's mistake, and put right.
    const isOwn = entry?.state === 'permanent' && entry.port !== port.index;
    if (named === undefined && !isOwn) continue;
    const owner = named ?? (await rtnetlink.links()).find(({ index }) => index === entry?.port);
    throw new InputError(
      `MAC ${mac} is that of dom0's own ${owner?.name ?? bridge.name}; give the guest another in the vif spec`,
    );
  }
}

function refuseUnkept({ name, port = {} }: Link, { settings }: BridgeLayer): void {
  const differing = settingsDiffering(port, settings);
  if (differing.length === 0) return;
  throw new VifguardError(
    `the kernel does not keep bridge port setting ${differing.join(', ')} of ${name}; vifguard needs Linux 5.16 or later`,
  );
}

/** The names of the settings that are not as they should be. */
export function settingsDiffering(
  actual: Partial<BridgePortSettings>,
  expected: Partial<BridgePortSettings>,
): readonly (keyof BridgePortSettings)[] {
  const names = Object.keys(expected) as (keyof BridgePortSettings)[];
  return names.filter((name) => actual[name] !== expected[name]);
}
