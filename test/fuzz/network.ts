import type { BackendName } from '../../src/backends/names.ts';
import { bridged, forwarded } from '../../src/model/bridge-netfilter.ts';
import { type Frame, parseFrame } from '../../src/model/frame.ts';
import { type Judgement, judgeFromGuest, judgeToDom0, judgeToGuest } from '../../src/model/judge.ts';
import { READINGS } from '../../src/model/reading.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { macsOf } from '../../src/policy/identity.ts';
import { type Guard, guardOf } from '../../src/rules/guard.ts';
import type { Provenance } from '../../src/rules/rule.ts';
import type { Bytes } from '../frames/bytes.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import type { Sender } from './frames.ts';
import { SECOND_ROUTER } from './stations.ts';

/** Where a frame may arrive: a guest by its domid. */
export type Place = number | 'gateway' | 'dom0';

/** `maybe`: both are right, as the bridge's forwarding table may or may not know the receiver. */
export type Expectation = 'arrives' | 'stays away' | 'maybe';

export interface GuestPort {
  readonly domid: number;
  readonly policy: GuardPolicy;
  readonly guard: Guard;
}

export function guestPort(domid: number, policy: GuardPolicy): GuestPort {
  return { domid, policy, guard: guardOf(policy) };
}

/** The guests' ports, and what guards them. */
export interface Network {
  readonly backend: BackendName;
  readonly ports: readonly GuestPort[];
}

/** The MAC of every vif in dom0 (libxl): dom0's own stack gets what is addressed to it. */
const VIF_MAC = 'fe:ff:ff:ff:ff:ff';

const UPLINK_MACS = [GATEWAY.mac, SECOND_ROUTER.mac];

/**
 * Which sources a sender may use without harm to the bridge's forwarding table, whose changes are no
 * matter of the guard: any, where the port learns nothing.
 */
export function harmlessSources(sender: Sender, ports: readonly GuestPort[]): readonly string[] | undefined {
  if (sender === 'gateway') return UPLINK_MACS;
  const port = ports.find(({ domid }) => domid === sender);
  if (port?.policy.mode === 'unlocked') return [port.policy.mac];
  return undefined;
}

/** What should become of a frame at each place: the model's judgement, on a bridge without snooping. */
export function expectations(
  { sender, octets }: { sender: Sender; octets: Bytes },
  { ports, backend }: Network,
): (place: Place) => Expectation {
  const frame = parseFrame(octets, READINGS[backend]);
  if (frame === undefined) return () => 'stays away';
  const from = ports.find(({ domid }) => domid === sender);
  const origin = from === undefined ? 'uplink' : provenanceOf(from.guard);
  const passes = [bridged(frame), forwarded(frame)].map((passed) => typeof passed !== 'string');
  const [toDom0, toPort] = [judgeToDom0, judgeFromGuest].map(
    (judge, index) => passes[index] && (from === undefined || isAccepted(judge(from.guard, frame))),
  );
  const encapsulation: unknown[] = ['pppoe-header', 'vlan-header'];
  const mayBeLost = encapsulation.includes(bridged({ ...frame, reading: READINGS.xtables }));
  return (place) => {
    const delivery = deliveryTo(frame.destination, sender, place, ports);
    if (place === sender || delivery === 'stays away') return 'stays away';
    // A reserved group from a port that has no guard: no hook of the bridge sees it.
    if (delivery === 'maybe' && place === 'dom0' && from?.guard.mode !== 'locked') return delivery;
    const to = ports.find(({ domid }) => domid === place);
    const isLetIn = to === undefined || isAccepted(judgeToGuest(to.guard, frame, origin));
    if (!(place === 'dom0' ? toDom0 : toPort) || !isLetIn) return 'stays away';
    // br_netfilter looks for these headers wherever it is loaded, and not only where it is called.
    if (mayBeLost || (place === 'dom0' && isCutWithinTags(frame))) return 'maybe';
    return delivery;
  };
}

const SHORTEST_DOUBLE_TAGGED = 10;

/** Behind VID 0 a stack takes off a further tag, too, which has to be whole (__netif_receive_skb_core). */
function isCutWithinTags({ etherType, payload }: Frame): boolean {
  const isTagged = etherType === 'vlan' || etherType === 'service-vlan';
  const isPriority = (((payload[0] ?? 0) & 0x0f) | (payload[1] ?? 0)) === 0;
  return isTagged && isPriority && payload.length < SHORTEST_DOUBLE_TAGGED;
}

function isAccepted({ verdict }: Judgement): boolean {
  return verdict === 'accept';
}

function provenanceOf(guard: Guard): Provenance {
  if (guard.mode === 'locked') return guard.rules.provenance;
  return guard.mode === 'unlocked' ? guard.provenance : { peer: true, isolated: true };
}

function deliveryTo(
  destination: string,
  sender: Sender,
  place: Place,
  ports: readonly GuestPort[],
): Expectation {
  if (isIsolated(sender, ports) && isIsolated(place, ports)) return 'stays away';
  // Handed to dom0's stack by the port itself, if at all.
  if (isReservedGroup(destination)) return place === 'dom0' ? 'maybe' : 'stays away';
  if ((Number.parseInt(destination.slice(0, 2), 16) & 1) === 1) return 'arrives';
  if (destination === DOM0.mac || destination === VIF_MAC) return place === 'dom0' ? 'arrives' : 'stays away';
  if (place === 'dom0') return 'stays away';
  if (UPLINK_MACS.includes(destination))
    return place === 'gateway' && sender !== 'gateway' ? 'arrives' : 'stays away';
  const owners = ports.filter(({ policy }) => macsOf(policy).some((mac) => mac === destination));
  const [owner] = owners;
  if (owner !== undefined && owners.length === 1 && !learns(owner)) {
    return owner.domid === place && owner.domid !== sender ? 'arrives' : 'stays away';
  }
  // To whom nobody knows, or may know: ports that learn get what is flooded.
  if (owners.length > 0) return 'maybe';
  const to = ports.find(({ domid }) => domid === place);
  return to === undefined || learns(to) ? 'arrives' : 'stays away';
}

/** A port of which the bridge learns, and to which it floods (src/port/bridge-layer.ts). */
function learns({ policy }: GuestPort): boolean {
  return policy.mode === 'unlocked' || policy.virtualRouters.length > 0;
}

function isIsolated(station: Sender | Place, ports: readonly GuestPort[]): boolean {
  const port = ports.find(({ domid }) => domid === station);
  return port !== undefined && port.policy.mode !== 'unlocked' && port.policy.peers === 'isolated';
}

/** A bridge forwards none of them but the first, and that without STP only (br_handle_frame). */
function isReservedGroup(mac: string): boolean {
  return /^01:80:c2:00:00:0[1-9a-f]$/.test(mac);
}
