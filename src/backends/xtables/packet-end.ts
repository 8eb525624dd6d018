import type { Chains } from './chains.ts';
import { hex, MARK } from './marks.ts';

/** The ip6tables chain that takes the mark `upperLayer` off a packet that holds its upper layer. */
export const PACKET_END = 'vg-end';

const WHOLE = 'vg-end-ok';
const FIRST = 'vg-end-first';

/** Both halves of the port space: the tools leave out a range over all of it. */
const PORTS = ['0:32767', '32768:65535'];
const WITH_PORTS = ['tcp', 'udp'];

/**
 * ICMPv6 of 4 to 7 octets, which only multicast router discovery has (RFC 4286): the payload length and
 * next header behind the IPv6 header, or behind hop-by-hop options of 8 octets with its router alert.
 */
const SHORT_ICMPV6 = [
  '4&0xffffff00=0x43a00,0x53a00,0x63a00,0x73a00',
  '4&0xffffff00=0xc0000,0xd0000,0xe0000,0xf0000 && 40&0xffff0000=0x3a000000',
];

/**
 * ebtables sees the whole frame, and so takes octets behind the IPv6 packet for its upper layer; with
 * them, a first fragment could hide from ebtables what its receiver reassembles. br_netfilter has cut
 * them off before ip6tables sees the packet, so the upper layer has to be found here once more
 * (RFC 7112), as the model's `holdsUpperLayer` says. Later fragments hold none.
 */
export const PACKET_END_CHAINS: Chains = new Map([
  [
    PACKET_END,
    [
      ...WITH_PORTS.flatMap((protocol) =>
        PORTS.map((range) => `-p ${protocol} -m ${protocol} --dport ${range} -g ${WHOLE}`),
      ),
      // Before the next rule: icmp6 drops what is too short for it (icmp6_match() in ip6_tables.c).
      ...SHORT_ICMPV6.map((terms) => `-m u32 --u32 "${terms}" -g ${WHOLE}`),
      // Any type: the match itself wants the whole ICMPv6 header.
      `-p ipv6-icmp -m icmp6 ! --icmpv6-type 255 -g ${WHOLE}`,
      `-m frag --fragfirst -g ${FIRST}`,
      `-m frag -g ${WHOLE}`,
      `-g ${FIRST}`,
    ],
  ],
  [
    FIRST,
    [
      ...[...WITH_PORTS, 'ipv6-icmp'].map((protocol) => `-p ${protocol} -j RETURN`),
      `! -p ipv6-nonxt -g ${WHOLE}`,
    ],
  ],
  [WHOLE, [`-j MARK --set-xmark 0x0/${hex(MARK.upperLayer)}`]],
]);
