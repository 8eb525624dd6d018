import { type CapturedFrame, requireCapturable, requireEthernet, requireWhole } from './captured-frame.ts';
import type { OctetStream } from './octet-stream.ts';

// pcap-savefile(5): a header of 24 octets, then frames with 16 octets in front of each.

/** The first four octets, with time in microseconds or nanoseconds, and the order of what follows. */
export const PCAP_MAGIC: ReadonlyMap<number, 'LE' | 'BE'> = new Map([
  [0xd4c3b2a1, 'LE'],
  [0x4d3cb2a1, 'LE'],
  [0xa1b2c3d4, 'BE'],
  [0xa1b23c4d, 'BE'],
]);

/**
 * The frames of a pcap file whose magic number has been read.
 *
 * @throws CaptureError
 */
export async function* readPcap(stream: OctetStream, order: 'LE' | 'BE'): AsyncGenerator<CapturedFrame> {
  const u32 = (octets: Buffer, offset: number) => octets[`readUInt32${order}`](offset);
  const header = await stream.take(20);
  requireWhole(header, 20);
  // The upper half holds the length of a frame check sequence.
  requireEthernet(u32(header, 16) & 0xffff);
  for (;;) {
    const record = await stream.take(16);
    if (record.length === 0) return;
    requireWhole(record, 16);
    const captured = u32(record, 8);
    requireCapturable(captured);
    const octets = await stream.take(captured);
    requireWhole(octets, captured);
    yield { octets, length: u32(record, 12) };
  }
}
