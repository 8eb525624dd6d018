import { type Bytes, concat, ip, mac, toHex, u8, u16, zeros } from './bytes.ts';
import type { NetworkLayer } from './layer.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** An IEEE 802.1Q tag; `type` 0x88a8 makes it the outer one of 802.1ad (QinQ). */
export interface VlanTag {
  /** VLAN identifier, 0..4095; 0 is a priority tag. */
  readonly id: number;
  readonly priority?: number;
  readonly type?: number;
}

export interface EthernetHeader {
  readonly dst: string;
  readonly src: string;
  /** Outermost first. */
  readonly tags?: readonly VlanTag[];
  /** Instead of the payload's own ethertype. */
  readonly etherType?: number;
  /** Octets behind the payload, such as a marker where the protocol has no room for one. */
  readonly trailer?: Bytes;
}

/** An Ethernet II frame without FCS; nothing is padded to the 60 octets of a real wire. */
export function ethernet(header: EthernetHeader, payload: NetworkLayer): Bytes {
  const type = u16(header.etherType ?? payload.etherType);
  return concat(addresses(header), type, payload.bytes, header.trailer ?? zeros(0));
}

export interface LlcHeader extends Omit<EthernetHeader, 'etherType'> {
  readonly dsap: number;
  readonly ssap: number;
  readonly control?: number;
}

/** An IEEE 802.3 frame with an LLC header: a length stands in the place of the ethertype. */
export function llc(header: LlcHeader, payload: Bytes): Bytes {
  const body = concat(u8(header.dsap, header.ssap, header.control ?? 3), payload);
  return concat(addresses(header), u16(body.length), body, header.trailer ?? zeros(0));
}

/** LLC with SNAP (IEEE 802): any ethertype in an 802.3 frame, as Cisco's protocols use it. */
export function snap(header: Omit<EthernetHeader, 'etherType'>, oui: Bytes, payload: NetworkLayer): Bytes {
  const body = concat(oui, u16(payload.etherType), payload.bytes);
  return llc({ ...header, dsap: 0xaa, ssap: 0xaa }, body);
}

function addresses(header: EthernetHeader): Bytes {
  const tags = (header.tags ?? []).map((tag) =>
    u16(tag.type ?? 0x8100, ((tag.priority ?? 0) << 13) | tag.id),
  );
  return concat(mac(header.dst), mac(header.src), ...tags);
}

/** The group MAC of an IP multicast address (RFC 1112 section 6.4, RFC 2464 section 7). */
export function multicastMac(address: string): string {
  const bytes = ip(address);
  const group =
    bytes.length === 16
      ? concat(u8(0x33, 0x33), bytes.subarray(12))
      : concat(u8(1, 0, 0x5e, (bytes[1] ?? 0) & 0x7f), bytes.subarray(2));
  return (toHex(group).match(/../g) ?? []).join(':');
}
