import { type Bytes, toHex } from '../frames/bytes.ts';
import type { Arena } from './arena.ts';
import type { SentFrame } from './frames.ts';
import { expectation, type GuestPort, harmlessSources, type Place } from './network.ts';

/** A frame of which the kernel and the model think differently. */
export interface Disagreement {
  readonly frame: SentFrame;
  readonly place: Place;
  /** A hole: it arrives, and should not. */
  readonly kind: 'hole' | 'loss';
}

/** Sends frames and compares. Frames that the kernel cannot tell apart at a receiver are sent once only. */
export async function compare(
  arena: Arena,
  ports: readonly GuestPort[],
  frames: readonly SentFrame[],
): Promise<readonly Disagreement[]> {
  const distinct = distinguishable(frames.map((frame) => harmless(frame, ports)));
  const arrived = await arena.send(distinct);
  return arena.places.flatMap((place) => {
    const seen = new Set((arrived.get(place) ?? []).map(toHex));
    return distinct.flatMap((frame): Disagreement[] => {
      const arrives = forms(frame.octets).some((form) => seen.has(form));
      const expected = expectation(frame, place, ports);
      if (arrives && expected === 'stays away') return [{ frame, place, kind: 'hole' }];
      return !arrives && expected === 'arrives' ? [{ frame, place, kind: 'loss' }] : [];
    });
  });
}

function harmless(frame: SentFrame, ports: readonly GuestPort[]): SentFrame {
  const { sender, octets } = frame;
  const allowed = harmlessSources(sender, ports)?.map((mac) => mac.replaceAll(':', ''));
  if (allowed === undefined || allowed.includes(toHex(octets.subarray(6, 12)))) return frame;
  const fitted = Uint8Array.from(octets);
  fitted.set(Buffer.from(allowed[0] ?? '', 'hex'), 6);
  return { sender, octets: fitted };
}

function distinguishable(frames: readonly SentFrame[]): readonly SentFrame[] {
  const taken = new Set<string>();
  return frames.filter(({ octets }) => {
    const own = forms(octets);
    if (own.some((form) => taken.has(form))) return false;
    for (const form of own) taken.add(form);
    return true;
  });
}

/** A frame as it may arrive: whole, or without what follows the IPv6 packet, as br_netfilter leaves it. */
function forms(octets: Bytes): readonly string[] {
  const whole = toHex(octets);
  if (octets.length < 54 || whole.slice(24, 28) !== '86dd') return [whole];
  const end = 54 + Buffer.from(octets).readUInt16BE(18);
  return end < octets.length ? [whole, whole.slice(0, 2 * end)] : [whole];
}
