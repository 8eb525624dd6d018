import { type Bytes, concat, ip, u8, u16, zeros } from './bytes.ts';
import { checksum, transportChecksum, withChecksum } from './checksum.ts';
import { rawTransport, type TransportLayer } from './layer.ts';

export const VRRP_GROUP = '224.0.0.18';
export const VRRP_GROUP6 = 'ff02::12';

export interface Vrrp {
  readonly version?: 2 | 3;
  /** Virtual router identifier, 1..255. */
  readonly id: number;
  readonly priority?: number;
  readonly addresses: readonly string[];
}

/** A VRRP advertisement: RFC 3768 (version 2) or RFC 9568 (version 3, the default). */
export function vrrp({ version = 3, id, priority = 255, addresses }: Vrrp): TransportLayer {
  const head = concat(
    u8((version << 4) | 1, id, priority, addresses.length),
    u16(version === 3 ? 100 : 1, 0),
  );
  const bytes = concat(head, ...addresses.map(ip), version === 2 ? zeros(8) : zeros(0));
  if (version === 2) return rawTransport(112, withChecksum(bytes, 6, checksum(bytes)));
  return { protocol: 112, bytes: (ends) => withChecksum(bytes, 6, transportChecksum(ends, 112, bytes)) };
}

/** OpenBSD's CARP advertisement, protocol 112 with version 2 and type 1 but another layout (carp(4)). */
export function carp(id: number): TransportLayer {
  const bytes: Bytes = concat(u8(0x21, id, 0, 7, 0, 1), zeros(2), zeros(8), zeros(20));
  return rawTransport(112, withChecksum(bytes, 6, checksum(bytes)));
}
