import type { Reason } from '../rules/reason.ts';
import type { Provenance, RuleSet, Stage, Verdict } from '../rules/rule.ts';
import type { Frame } from './frame.ts';
import { matches } from './match.ts';

/** What the rules say of a frame. */
export type Ruling = 'accept' | { readonly stage: string; readonly reason: Reason };

type Way = RuleSet['fromGuest'] | RuleSet['toGuest'];

/** Takes a frame through the stages of `link`, then through those of its ethertype. */
export function evaluateWay(way: Way, frame: Frame, provenance?: Provenance): Ruling {
  const link = evaluateStages(way.link, frame, provenance);
  if (link !== 'pass') return link;
  const { etherType } = frame;
  if ((etherType !== 'arp' && etherType !== 'ipv4' && etherType !== 'ipv6') || isNoIpv4(frame)) {
    return { stage: 'ethertype', reason: 'ethertype' };
  }
  const family = evaluateStages(way[etherType], frame, provenance);
  return family === 'pass' ? 'accept' : family;
}

/** A backend that checks IPv4 headers does not take a malformed packet for IPv4. */
function isNoIpv4({ etherType, ipv4, reading }: Frame): boolean {
  return etherType === 'ipv4' && ipv4 === undefined && reading.checksHeaders;
}

function evaluateStages(
  stages: readonly Stage[],
  frame: Frame,
  provenance: Provenance | undefined,
): Ruling | 'pass' {
  for (const stage of stages) {
    const verdict = verdictOf(stage, frame, provenance);
    if (verdict === 'accept') return 'accept';
    if (verdict !== 'pass') return { stage: stage.name, reason: verdict.drop };
  }
  return 'pass';
}

/** One stage alone: a frame that passes it is accepted. */
export function evaluateStage(stage: Stage, frame: Frame): Ruling {
  const ruling = evaluateStages([stage], frame, undefined);
  return ruling === 'pass' ? 'accept' : ruling;
}

function verdictOf(stage: Stage, frame: Frame, provenance: Provenance | undefined): Verdict {
  const judges = (stage.only ?? [{}]).some((match) => matches(match, frame, provenance));
  if (!judges) return 'pass';
  const rule = stage.rules.find(({ match }) => matches(match, frame, provenance));
  return rule?.verdict ?? stage.otherwise;
}
