import { type Bytes, u32 } from './bytes.ts';

let last = 0;

/**
 * Eight octets that no other frame of this machine's tests holds: the process id, then a counter.
 * Put them in a payload or in an Ethernet trailer to recognise a frame wherever it arrives.
 */
export function marker(): Bytes {
  last += 1;
  return u32(process.pid | 0x80000000, last);
}
