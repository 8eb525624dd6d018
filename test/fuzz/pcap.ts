import { type Bytes, concat } from '../frames/bytes.ts';

const ETHERNET = 1;

function u32le(...values: readonly number[]): Bytes {
  const buffer = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) buffer.writeUInt32LE(value >>> 0, 4 * index);
  return new Uint8Array(buffer);
}

/** Frames as a capture file (pcap-savefile(5)), for tcpdump and `vifguard explain`. */
export function pcapOf(frames: readonly Bytes[]): Bytes {
  const header = u32le(0xa1b2c3d4, (4 << 16) | 2, 0, 0, 65535, ETHERNET);
  return concat(header, ...frames.map((frame) => concat(u32le(0, 0, frame.length, frame.length), frame)));
}
