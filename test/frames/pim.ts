import { concat, u8, u16, zeros } from './bytes.ts';
import { checksum, transportChecksum, withChecksum } from './checksum.ts';
import { rawTransport, type TransportLayer } from './layer.ts';

export const PIM_GROUP = '224.0.0.13';
export const PIM_GROUP6 = 'ff02::d';

const HELLO = concat(u8(0x20, 0), zeros(2), u16(1, 2, 105));

/** A PIM hello with its hold time, RFC 7761 section 4.9.2. */
export function pim(): TransportLayer {
  return rawTransport(103, withChecksum(HELLO, 2, checksum(HELLO)));
}

/** The same over IPv6, where the checksum covers the addresses. */
export function pim6(): TransportLayer {
  return { protocol: 103, bytes: (ends) => withChecksum(HELLO, 2, transportChecksum(ends, 103, HELLO)) };
}
