import fc from 'fast-check';
import type { Arena } from './arena.ts';
import { compare, type Disagreement } from './disagreement.ts';
import { type SentFrame, sentFrame } from './frames.ts';
import type { Network } from './network.ts';
import { type WrittenPolicy, writtenPolicy } from './policies.ts';
import { DOMIDS } from './stations.ts';

/** A hole, or a loss that stays when the frame is sent alone, with the simplest frame that still shows it. */
export interface Finding extends Disagreement {
  readonly seed: number;
  readonly policies: readonly WrittenPolicy[];
}

/** The policies of a round and its frames: the same for the same seed. */
export interface Round {
  readonly seed: number;
  readonly policies: readonly WrittenPolicy[];
  readonly frames: readonly SentFrame[];
}

const allPolicies = fc.tuple(...DOMIDS.map(writtenPolicy));

export function round(seed: number, frames: number): Round {
  const [policies = []] = fc.sample(allPolicies, { seed, numRuns: 1 });
  return { seed, policies, frames: fc.sample(sentFrame, { seed, numRuns: frames }) };
}

/** Plays a round: guards the guests by its policies, sends its frames, and looks into what differs. */
export async function play(arena: Arena, { seed, policies, frames }: Round): Promise<readonly Finding[]> {
  const network = await arena.guard(policies);
  const findings: Finding[] = [];
  for (const disagreement of oneOfEachKind(await compare(arena, network, frames))) {
    const simplest = await shrink(arena, network, { seed, index: disagreement.index });
    // The network may lose a frame among many; what arrives that should not has got through, if only once.
    const finding = simplest ?? (disagreement.kind === 'hole' ? disagreement : undefined);
    if (finding !== undefined) findings.push({ ...finding, index: disagreement.index, seed, policies });
  }
  return findings;
}

/** A fault shows in many frames, which need not all be looked into. */
function oneOfEachKind(disagreements: readonly Disagreement[]): readonly Disagreement[] {
  return [...new Map(disagreements.map((found) => [`${found.kind} ${found.place}`, found])).values()];
}

const SHRINK_MS = 20_000;

/** The simplest frame found; undefined when the very frame passes on its own: the network had lost it. */
export async function shrink(
  arena: Arena,
  network: Network,
  { seed, index }: { seed: number; index: number },
): Promise<Disagreement | undefined> {
  let simplest: Disagreement | undefined;
  const agrees = fc.asyncProperty(sentFrame, async (frame) => {
    const [found] = await compare(arena, network, [frame]);
    simplest = found ?? simplest;
    return found === undefined;
  });
  const limits = { numRuns: 1, interruptAfterTimeLimit: SHRINK_MS };
  await fc.check(agrees, { seed, path: `${index}`, ...limits });
  return simplest;
}
