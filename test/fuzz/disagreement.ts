import { type Bytes, toHex } from '../frames/bytes.ts';
import type { Arena } from './arena.ts';
import type { SentFrame } from './frames.ts';
import { expectations, harmlessSources, type Network, type Place } from './network.ts';

/** A frame of which the kernel and the model think differently. */
export interface Disagreement {
  /** Its place among the frames that were compared. */
  readonly index: number;
  readonly frame: SentFrame;
  readonly place: Place;
  /** A hole: it arrives, and should not. */
  readonly kind: 'hole' | 'loss';
}

/** Sends frames and compares. Of frames that look the same at a receiver only the first is sent. */
export async function compare(
  arena: Arena,
  network: Network,
  frames: readonly SentFrame[],
): Promise<readonly Disagreement[]> {
  const sent = distinguishable(frames.map((frame) => harmless(frame, network)));
  const arrived = await arena.send([...sent.values()]);
  const known = [...sent].map(([index, frame]) => ({
    index,
    frame,
    own: forms(frame.octets),
    expectationAt: expectations(frame, network),
  }));
  return arena.places.flatMap((place) => {
    const seen = new Set((arrived.get(place) ?? []).map(toHex));
    return known.flatMap(({ index, frame, own, expectationAt }): Disagreement[] => {
      const arrives = own.some((form) => seen.has(form));
      const expectation = expectationAt(place);
      if (arrives && expectation === 'stays away') return [{ index, frame, place, kind: 'hole' }];
      return !arrives && expectation === 'arrives' ? [{ index, frame, place, kind: 'loss' }] : [];
    });
  });
}

function harmless(frame: SentFrame, { ports }: Network): SentFrame {
  const { sender, octets } = frame;
  const allowed = harmlessSources(sender, ports)?.map((mac) => mac.replaceAll(':', ''));
  if (allowed === undefined || allowed.includes(toHex(octets.subarray(6, 12)))) return frame;
  const fitted = Uint8Array.from(octets);
  fitted.set(Buffer.from(allowed[0] ?? '', 'hex'), 6);
  return { sender, octets: fitted };
}

function distinguishable(frames: readonly SentFrame[]): ReadonlyMap<number, SentFrame> {
  const taken = new Set<string>();
  const isNew = ({ octets }: SentFrame) => {
    const own = forms(octets);
    const known = own.some((form) => taken.has(form));
    if (!known) for (const form of own) taken.add(form);
    return !known;
  };
  return new Map([...frames.entries()].filter(([, frame]) => isNew(frame)));
}

/** A frame as it may arrive: whole, or without what follows the IPv6 packet, as br_netfilter leaves it. */
function forms(octets: Bytes): readonly string[] {
  const whole = toHex(octets);
  if (octets.length < 54 || whole.slice(24, 28) !== '86dd') return [whole];
  const end = 54 + Buffer.from(octets).readUInt16BE(18);
  return end < octets.length ? [whole, whole.slice(0, 2 * end)] : [whole];
}
