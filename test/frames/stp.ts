import { type Bytes, concat, mac, u8, u16, u32 } from './bytes.ts';
import { type EthernetHeader, llc } from './ethernet.ts';

const BRIDGE_GROUP = '01:80:c2:00:00:00';

export interface Bpdu extends Omit<EthernetHeader, 'dst' | 'etherType'> {
  readonly dst?: string;
  /** The lower, the sooner the sender becomes root. */
  readonly priority?: number;
}

/** A configuration BPDU in which the sender claims to be root, IEEE 802.1D-1998 section 9.3.1. */
export function bpdu(fields: Bpdu): Bytes {
  const bridge = concat(u16(fields.priority ?? 0), mac(fields.src));
  const body = concat(u16(0), u8(0, 0, 0), bridge, u32(0), bridge, u16(0x8001, 0, 20 << 8, 2 << 8, 15 << 8));
  return llc({ ...fields, dst: fields.dst ?? BRIDGE_GROUP, dsap: 0x42, ssap: 0x42 }, body);
}
