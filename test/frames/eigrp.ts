import { concat, u8, u16, u32, zeros } from './bytes.ts';
import { checksum, withChecksum } from './checksum.ts';
import { rawTransport, type TransportLayer } from './layer.ts';

export const EIGRP_GROUP = '224.0.0.10';

/** An EIGRP hello with its parameters, RFC 7868 section 6. */
export function eigrp(autonomousSystem: number): TransportLayer {
  const parameters = concat(u16(1, 12), u8(1, 0, 1, 0, 0, 0), u16(15));
  const bytes = concat(u8(2, 5), zeros(2), zeros(12), u32(autonomousSystem), parameters);
  return rawTransport(88, withChecksum(bytes, 2, checksum(bytes)));
}
