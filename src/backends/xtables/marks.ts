import { REASONS, type Reason } from '../../rules/reason.ts';
import type { Provenance } from '../../rules/rule.ts';

/**
 * The bits of a frame's mark (skb->mark) by which the tables tell each other what they have found.
 * A frame from a guest is let on only with ACCEPTED set and nothing of PENDING left, so that a table
 * that is flushed, or a bridge that no longer calls ip6tables, closes the port.
 */
export const MARK = {
  /** ebtables has accepted the frame. */
  accepted: 0x8000_0000,
  /** An ND message that ip6tables has still to judge. */
  neighborDiscovery: 0x4000_0000,
  /** A link-local source: ip6tables has still to look for fragments. */
  linkLocal: 0x2000_0000,
  /** IPv6: ip6tables has still to find the upper layer before the packet's end. */
  upperLayer: 0x0008_0000,
  /** From a guest that may not speak for the network. */
  peer: 0x1000_0000,
  /** From an isolated guest. */
  isolated: 0x0800_0000,
  /** From a guest with limited access to dom0. */
  restricted: 0x0400_0000,
  /** Addressed to the bridge's own MAC. */
  host: 0x0200_0000,
} as const;

/** Which reason a shared chain has found to drop a frame: the port's own chain drops it, and counts. */
export const VERDICT = 0x01f0_0000;

/** The value of VERDICT for a reason; 0 is none. */
export function verdictMark(reason: Reason): number {
  return ((Object.keys(REASONS).indexOf(reason) + 1) << 20) >>> 0;
}

export const PENDING = bits(MARK.neighborDiscovery, MARK.linkLocal, MARK.upperLayer);

/** All bits that are ours. */
export const OURS = bits(VERDICT, ...Object.values(MARK));

export function bits(...marks: readonly number[]): number {
  return marks.reduce((sum, mark) => (sum | mark) >>> 0, 0);
}

export function without(mark: number): number {
  return ~mark >>> 0;
}

export function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}

/** The marks with which a port accepts a frame. */
export function acceptMarks({ peer, isolated }: Provenance, restricted: boolean): number {
  return bits(
    MARK.accepted,
    peer ? MARK.peer : 0,
    isolated ? MARK.isolated : 0,
    restricted ? MARK.restricted : 0,
  );
}
