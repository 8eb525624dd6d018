import type { Frame } from './frame.ts';
import { parseFrame } from './frame.ts';
import { IPV6_HEADER_LENGTH } from './ipv6.ts';
import { type Octets, readBits, readU8, readU16 } from './octets.ts';

/** What the kernel throws away by itself, whatever the rules say, and why. */
export const DISCARDS = {
  'source-mac': 'the source MAC is a group address or all zero: a bridge takes no such frame',
  'vlan-header': 'the VLAN tag is cut short',
  'pppoe-header': 'br_netfilter takes no PPPoE session frame without its whole header',
  'ipv6-header': 'br_netfilter takes no IPv6 packet of another version, or cut short',
  'ipv6-options': 'br_netfilter takes no malformed hop-by-hop options',
} as const;

export type Discard = keyof typeof DISCARDS;

/**
 * A frame as it comes out of a bridge: discarded (br_handle_frame in net/bridge/br_input.c), or, with
 * nf_call_ip6tables, with an IPv6 packet's trailer cut off (br_validate_ipv6 in br_netfilter_ipv6.c).
 */
export function bridged(frame: Frame): Frame | Discard {
  if (isGroupOrZero(frame.source)) return 'source-mac';
  const { payload, etherType, reading } = frame;
  const isTagged = etherType === 'vlan' || etherType === 'service-vlan';
  if (isTagged && payload.length < SHORTEST_TAGGED) return 'vlan-header';
  if (!reading.bridgeNetfilter) return frame;
  if (isTagged) return cutShort(readU16(payload, 2), payload.length - TAG_LENGTH) ?? frame;
  if (etherType !== 'ipv6') return cutShort(frame.etherTypeNumber, payload.length) ?? frame;
  if (payload.length < IPV6_HEADER_LENGTH || (readU8(payload, 0) ?? 0) >> 4 !== 6) return 'ipv6-header';
  const length = payloadLength(payload);
  if (length === 'malformed') return 'ipv6-options';
  if (length > payload.length - IPV6_HEADER_LENGTH) return 'ipv6-header';
  if (length === payload.length - IPV6_HEADER_LENGTH) return frame;
  const end = frame.octets.length - payload.length + IPV6_HEADER_LENGTH + length;
  return parseFrame(frame.octets.subarray(0, end), reading) ?? frame;
}

/** A frame that goes on to another port: it is looked at once more there, now without its trailer. */
export function forwarded(frame: Frame): Frame | Discard {
  const passed = bridged(frame);
  return typeof passed === 'string' ? passed : bridged(passed);
}

/** A tag with the ethertype behind it, and two octets more (skb_vlan_untag in net/core/skbuff.c). */
const TAG_LENGTH = 4;
const SHORTEST_TAGGED = TAG_LENGTH + 2;

/** What nf_bridge_encap_header_len (br_netfilter_hooks.c) wants whole, also behind a tag that was taken off. */
const VLAN = 0x8100;
const PPPOE_SESSION = 0x8864;
/** RFC 2516 section 4, and the PPP protocol behind it. */
const PPPOE_HEADER_LENGTH = 8;

function cutShort(etherType: number | undefined, length: number): Discard | undefined {
  if (etherType === VLAN && length < TAG_LENGTH) return 'vlan-header';
  return etherType === PPPOE_SESSION && length < PPPOE_HEADER_LENGTH ? 'pppoe-header' : undefined;
}

function isGroupOrZero(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || mac === '00:00:00:00:00:00';
}

const HOP_BY_HOP = 0;
const PAD1 = 0;
const JUMBO_PAYLOAD = 0xc2;
const LARGEST_PAYLOAD = 0xffff;

/** The length in the header, or of a jumbogram (RFC 2675); nf_ip6_check_hbh_len in net/netfilter/utils.c. */
function payloadLength(packet: Octets): number | 'malformed' {
  const inHeader = readU16(packet, 4) ?? 0;
  if (readU8(packet, 6) !== HOP_BY_HOP) return inHeader;
  let length = inHeader;
  let at = IPV6_HEADER_LENGTH + 2;
  const end = IPV6_HEADER_LENGTH + ((readU8(packet, IPV6_HEADER_LENGTH + 1) ?? 0) + 1) * 8;
  if (end > packet.length) return 'malformed';
  while (at < end) {
    if (packet[at] === PAD1) {
      at += 1;
      continue;
    }
    const optionLength = at + 2 > end ? undefined : readU8(packet, at + 1);
    if (optionLength === undefined || at + 2 + optionLength > end) return 'malformed';
    if (packet[at] === JUMBO_PAYLOAD) {
      length = Number(readBits(packet, at + 2, 4) ?? 0n);
      const isWell = optionLength === 4 && at % 4 === 2 && inHeader === 0;
      if (!isWell || length <= LARGEST_PAYLOAD || length > packet.length - IPV6_HEADER_LENGTH) {
        return 'malformed';
      }
    }
    at += 2 + optionLength;
  }
  return length;
}
