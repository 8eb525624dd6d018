import { type Bytes, marker, toHex } from '../frames/index.ts';
import type { Capture } from './capture.ts';
import { LabError } from './error.ts';

/** A place where frames are looked for. */
export interface Witness {
  readonly name: string;
  capture(): Promise<Capture>;
  /**
   * Sends here, from the network's side and never from a guest, a lawful frame that holds `marker`.
   * It travels behind everything that was sent before it: once it has arrived, what is not here
   * will not come.
   */
  sendFence(marker: Bytes): Promise<void>;
}

/**
 * Does something, and gives the frames that each witness saw meanwhile, the last of them included: no
 * time is waited for, a fence closes the observation.
 *
 * @throws LabError when a witness does not even see its fence.
 */
export async function observe(
  action: () => Promise<unknown>,
  witnesses: readonly Witness[],
): Promise<(readonly Bytes[])[]> {
  const captures = await Promise.all(witnesses.map((witness) => witness.capture()));
  const cursors = captures.map((capture) => capture.cursor);
  await action();
  await Promise.all(witnesses.map(fence));
  return captures.map((capture, i) => capture.since(cursors[i] ?? 0));
}

/** Waits until everything that is on its way to the witness has arrived. */
export async function fence(witness: Witness): Promise<void> {
  const capture = await witness.capture();
  const { cursor } = capture;
  const mark = Buffer.from(marker());
  await witness.sendFence(mark);
  try {
    await capture.waitFor((frame) => Buffer.from(frame).includes(mark), cursor, 3000);
  } catch (cause) {
    throw new LabError(`${witness.name} is blind: a lawful frame does not reach it`, { cause });
  }
}

/**
 * Tells of a frame that was sent whether it is among those seen, byte for byte; the network may have
 * cut off what follows the IP packet, as br_netfilter does.
 */
export function among(seen: readonly Bytes[]): (sent: Bytes) => boolean {
  const known = new Set(seen.map(toHex));
  return (sent) => {
    const hex = toHex(sent);
    return known.has(hex) || known.has(hex.slice(0, 2 * ipEnd(Buffer.from(sent))));
  };
}

function ipEnd(frame: Buffer): number {
  if (frame.length < 20) return frame.length;
  const etherType = frame.readUInt16BE(12);
  if (etherType === 0x0800) return 14 + frame.readUInt16BE(16);
  return etherType === 0x86dd ? 54 + frame.readUInt16BE(18) : frame.length;
}
