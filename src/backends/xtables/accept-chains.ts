import type { Chains } from './chains.ts';
import { addMarks, bits, hex, MARK } from './marks.ts';

/** What a frame from a guest may have in its mark when it is accepted. */
const OPTIONAL = [MARK.peer, MARK.isolated, MARK.restricted, MARK.upperLayer];

/**
 * The target that accepts a frame from a guest with these marks beside `accepted`: a chain, as ebtables-nft-restore
 * keeps a copy of the options of every `-j mark` that it reads (command_jump() in xshared.c), and searches them for
 * each further option. With some in the chains of each port, a host's load takes time by the square of its ports.
 */
export function acceptTarget(marks: number): string {
  return `-j ${acceptChain(bits(MARK.accepted, marks))}`;
}

export function acceptChains(): Chains {
  let combinations: readonly number[] = [MARK.accepted];
  for (const mark of OPTIONAL) {
    combinations = combinations.flatMap((marks) => [marks, bits(marks, mark)]);
  }
  return new Map(combinations.map((marks) => [acceptChain(marks), [addMarks(marks, 'ACCEPT')]]));
}

function acceptChain(marks: number): string {
  return `vg-ok:${hex(marks)}`;
}
