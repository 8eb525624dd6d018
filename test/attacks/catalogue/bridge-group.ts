import type { Reason } from '../../../src/rules/reason.ts';
import * as f from '../../frames/index.ts';
import { DOM0 } from '../../lab/segment.ts';
import { type Attack, harmless4, harmless6 } from '../attack.ts';
import { GUEST, PLACES, type Place } from '../cast.ts';

/** What the kernel does unguarded: :00 is forwarded without STP, :01 thrown away, the rest is dom0's. */
const reached = (last: number): readonly Place[] => (last === 0 ? PLACES : ['dom0']);

/** A port's group_fwd_mask cannot bring :02 before PREROUTING: it meets the filter at INPUT. */
const reasonOf = (last: number): Reason => (last === 2 ? 'unfiltered' : 'bridge-group');

const payloads = (): Readonly<Record<string, f.NetworkLayer>> => ({
  IPv4: f.ipv4({ src: GUEST.ip, dst: DOM0.ip }, harmless4()),
  IPv6: f.ipv6({ src: GUEST.ip6, dst: DOM0.ip6 }, harmless6()),
  ARP: f.arp({ op: f.ARP_REQUEST, senderMac: GUEST.mac, senderIp: GUEST.ip, targetIp: DOM0.ip }),
  LLDP: f.lldp(GUEST.mac, 'rogue'),
  EAPOL: f.rawNetwork(0x888e, f.marker()),
});

const GROUPS = [0, ...Array.from({ length: 14 }, (_, i) => i + 2)];

/** Everything to the bridge groups (IEEE 802.1Q table 8-1) that the kernel would hand on. */
export const BRIDGE_GROUP_ATTACKS: readonly Attack[] = GROUPS.map((last) => ({
  name: `01:80:c2:00:00:0${last.toString(16)}`,
  reason: reasonOf(last),
  shots: Object.values(payloads()).map((payload) => ({
    frame: f.ethernet({ src: GUEST.mac, dst: `01:80:c2:00:00:0${last.toString(16)}` }, payload),
    reaches: reached(last),
  })),
}));
