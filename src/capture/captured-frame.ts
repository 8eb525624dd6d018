import { InputError } from '../errors.ts';

/** A frame of a capture file. */
export interface CapturedFrame {
  /** What was captured of it. */
  readonly octets: Uint8Array;
  /** How long it was. */
  readonly length: number;
}

/** A capture file that cannot be used, or not to its end; the message says nothing of the file's name. */
export class CaptureError extends InputError {}

/** The largest capture length that tcpdump knows (MAXIMUM_SNAPLEN). */
export const LARGEST_CAPTURE = 262_144;

/** LINKTYPE_ETHERNET (tcpdump.org/linktypes.html). */
const ETHERNET = 1;

/** @throws CaptureError */
export function requireEthernet(linkType: number): void {
  if (linkType === ETHERNET) return;
  throw new CaptureError(
    `holds frames of link type ${linkType}, not of Ethernet; capture on the port itself, "tcpdump -i vif1.0", not on "any"`,
  );
}

/** @throws CaptureError */
export function requireCapturable(length: number): void {
  if (length <= LARGEST_CAPTURE) return;
  throw new CaptureError(`has a frame of ${length} octets, more than any capture has; the file is damaged`);
}

/** @throws CaptureError */
export function requireWhole(octets: Uint8Array, length: number): void {
  if (octets.length === length) return;
  throw new CaptureError('ends within a frame; what came before it was read');
}
