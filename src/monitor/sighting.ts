import type { DropWay } from '../backends/drop-log.ts';
import { claimInWords, claimOf, type Identifier, identifierText } from '../model/claim.ts';
import { type Frame, parseFrame } from '../model/frame.ts';
import { frameInWords, payloadInWords } from '../model/frame-in-words.ts';
import { READINGS } from '../model/reading.ts';
import { COPIED_BYTES } from '../netlink/packet-log.ts';
import { type PortRecord, policyOf, type Registry } from '../port/registry.ts';
import type { Reason } from '../rules/reason.ts';
import type { DroppedFrame } from './dropped-frame.ts';
import type { Holders } from './holders.ts';

/** A dropped frame as people are told of it. */
export interface Sighting {
  readonly port: string;
  /** Undefined for a port that has none. */
  readonly record: PortRecord | undefined;
  readonly way: DropWay;
  readonly reason: Reason;
  /** What is wrong with the frame, or what it is where no claim is wrong. */
  readonly words: string;
  /** The MAC or the address that the guest had no right to. */
  readonly claimed: string | undefined;
  /** Whose that is; of a frame to a guest, who sent it. */
  readonly holder: string | undefined;
  /** All of the frame in words. */
  readonly frame: string;
  readonly octets: Buffer;
}

/** @param port the name of the dropped frame's port, as it is recorded. */
export function sightingOf(
  { way, reason, octets }: DroppedFrame,
  { port, registry, holders }: { port: string; registry: Registry; holders: Holders },
): Sighting {
  const record = registry.ports.get(port);
  const common = { port, record, way, reason, octets };
  const frame = parseFrame(padded(octets), READINGS[registry.backend]);
  if (frame === undefined) {
    const words = 'shorter than an Ethernet header';
    return { ...common, words, claimed: undefined, holder: undefined, frame: words };
  }
  const holderOf: HolderOf = (what) => holders.holderOf(what, { port, bridge: record?.bridge });
  return {
    ...common,
    ...(way === 'to' ? arrival(frame, holderOf(frame.source)) : attempt(reason, frame, record, holderOf)),
    frame: frameInWords(frame),
  };
}

/** Pads a frame that was cut off, mostly in its data: the lengths in its headers have to be right. */
function padded(octets: Buffer): Buffer {
  return octets.length < COPIED_BYTES ? octets : Buffer.concat([octets], LARGEST_FRAME);
}

/** What an IP length can say, and the Ethernet header. */
const LARGEST_FRAME = 0xffff + 14;

type HolderOf = (what: Identifier) => string | undefined;

type Told = Pick<Sighting, 'words' | 'claimed' | 'holder'>;

function arrival(frame: Frame, sender: string | undefined): Told {
  const words = `from ${sender ?? frame.source}: ${payloadInWords(frame)}`;
  return { words, claimed: undefined, holder: sender };
}

function attempt(reason: Reason, frame: Frame, record: PortRecord | undefined, holderOf: HolderOf): Told {
  const claim = claimOf(reason, frame, record && policyOf(record));
  if (claim === undefined) return { words: payloadInWords(frame), claimed: undefined, holder: undefined };
  const holder = holderOf(claim.what);
  return { words: claimInWords(claim, holder), claimed: identifierText(claim.what), holder };
}
