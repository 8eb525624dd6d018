import type { Grant } from '../../rules/from-guest/network-roles.ts';
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
  /** The port's own stages have let the frame pass: the shared ones have still to judge it. */
  judged: 0x0001_0000,
  /** From a guest that may not speak for the network. */
  peer: 0x1000_0000,
  /** From an isolated guest. */
  isolated: 0x0800_0000,
  /** From a guest with limited access to dom0. */
  restricted: 0x0400_0000,
  /** Addressed to a MAC of dom0's: the bridge's, or the port's own. */
  host: 0x0200_0000,
} as const;

/** What the port's policy grants, while the shared stages judge a frame. */
export const GRANT: Readonly<Record<Grant, number>> = {
  router: 0x0010_0000,
  'dhcp-server': 0x0020_0000,
  vrrp: 0x0040_0000,
  dhcp: 0x0080_0000,
};

/** The reason for which the shared stages drop the frame; the mark then holds nothing else. */
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

/** The ebtables match of a frame that has a mark. */
export function marked(mark: number): string {
  return `--mark ${hex(mark)}/${hex(mark)}`;
}

/** The ebtables target that adds to a frame's marks. */
export function addMarks(marks: number, verdict: 'ACCEPT' | 'RETURN' | 'CONTINUE'): string {
  return `-j mark --mark-or ${hex(marks)} --mark-target ${verdict}`;
}

export function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}

/** What other ports' rules need to know of a frame that a port has let in. */
export function provenanceMarks({ peer, isolated }: Provenance, restricted: boolean): number {
  return bits(peer ? MARK.peer : 0, isolated ? MARK.isolated : 0, restricted ? MARK.restricted : 0);
}
