import { HOST_ND, linkLocalFragments } from '../../rules/from-guest/neighbor-discovery.ts';
import {
  RESTRICTIONS_IPV4,
  RESTRICTIONS_IPV6,
  type Restriction,
} from '../../rules/from-guest/network-roles.ts';
import { unspecifiedIpv6 } from '../../rules/from-guest/unspecified-source.ts';
import { upperLayer } from '../../rules/from-guest/upper-layer.ts';
import { PROTOCOL } from '../../rules/protocols.ts';
import type { Reason } from '../../rules/reason.ts';
import { type Match, pass, type Rule, type Verdict } from '../../rules/rule.ts';
import { type Chains, ROOT } from './chains.ts';
import { ebtablesDrop } from './drops.ts';
import { ebtablesMatch, isBeyondEbtables } from './ebtables-match.ts';
import { addMarks, bits, GRANT, hex, MARK, VERDICT, verdictMark } from './marks.ts';

/** Where frames go that their port's own stages have let pass. */
export const SHARED_STAGES = 'vg-judge';

const ACCEPT_IPV4 = addMarks(MARK.accepted, 'ACCEPT');
const ACCEPT_IPV6 = addMarks(bits(MARK.accepted, MARK.upperLayer), 'ACCEPT');

/**
 * The stages behind a port's own, one copy for all ports: the kernel walks all that a port's chains
 * lead to at each change (nft_chain_validate), once for every rule that leads there. A frame is
 * accepted here, or returns with the reason against it as its mark: then its port's chain drops and
 * counts it.
 */
export function sharedChains(): Chains {
  const unless = `--mark 0x0/${hex(MARK.judged)} -j RETURN`;
  return new Map([
    [
      SHARED_STAGES,
      [
        `${ebtablesMatch({ etherType: 'ipv4' })} -j vg-s:4`,
        `${ebtablesMatch({ etherType: 'ipv6' })} -j vg-s:6`,
        `-j ${ROOT.marked}`,
        ...ebtablesDrop('unfiltered'),
      ],
    ],
    ['vg-s:4', [...restrictions(RESTRICTIONS_IPV4, 'ipv4', ACCEPT_IPV4), ACCEPT_IPV4]],
    [
      'vg-s:6',
      [
        ...['-j vg-s:6.unspecified', unless],
        ...['-j vg-s:6.roles', unless],
        ...deferrals(linkLocalFragments.only ?? [], MARK.linkLocal),
        ...deferrals(HOST_ND, MARK.neighborDiscovery),
        ...upperLayer.rules.map((rule) => line(rule, 'ipv6', ACCEPT_IPV6)),
        target(upperLayer.otherwise, ACCEPT_IPV6),
      ],
    ],
    ['vg-s:6.unspecified', unspecifiedIpv6.rules.map((rule) => line(rule, 'ipv6', '-j RETURN'))],
    ['vg-s:6.roles', restrictions(RESTRICTIONS_IPV6, 'ipv6', '-j RETURN')],
  ]);
}

/** The rules of a port's own chain for frames that the shared stages have marked. */
export function markedDrops(): readonly string[] {
  const rules = [...RESTRICTIONS_IPV4, ...RESTRICTIONS_IPV6].map(({ rule }) => rule);
  const verdicts = [...rules, ...unspecifiedIpv6.rules, ...upperLayer.rules].map(({ verdict }) => verdict);
  const reasons = [...verdicts, upperLayer.otherwise].flatMap((verdict) =>
    typeof verdict === 'string' ? [] : [verdict.drop],
  );
  return [...new Set<Reason>(reasons)].flatMap((reason) =>
    ebtablesDrop(reason, `--mark ${hex(verdictMark(reason))}/${hex(VERDICT)}`),
  );
}

type Family = 'ipv4' | 'ipv6';

function line({ match, verdict }: Rule, family: Family, onward: string, ...more: readonly string[]): string {
  return [ebtablesMatch(match, family), ...more, target(verdict, onward)].join(' ');
}

/** @param onward the target for what passes, or is accepted. */
function target(verdict: Verdict, onward: string): string {
  if (typeof verdict === 'string') return onward;
  return `-j mark --mark-set ${hex(verdictMark(verdict.drop))} --mark-target RETURN`;
}

const FREQUENT = [PROTOCOL.tcp, PROTOCOL.udp];

/**
 * Rules that a port's grants lift. Those about TCP and UDP come first, as most frames are of these and are then
 * done; the order changes no verdict, as rules about different protocols have no frame in common.
 */
function restrictions(all: readonly Restriction[], family: Family, onward: string): readonly string[] {
  const lines = (some: readonly Restriction[]) =>
    some
      .filter(({ rule }) => !isBeyondEbtables(rule.match))
      .map(({ rule, liftedBy }) => line(rule, family, onward, `--mark 0x0/${hex(GRANT[liftedBy])}`));
  const isAbout = (protocol: number) => (restriction: Restriction) =>
    restriction.rule.match.protocol === protocol;
  return [
    ...FREQUENT.flatMap((protocol) => [
      ...lines(all.filter(isAbout(protocol))),
      line(pass({ protocol }), family, onward),
    ]),
    ...lines(all.filter(({ rule }) => !FREQUENT.some((protocol) => rule.match.protocol === protocol))),
  ];
}

/** ip6tables judges these frames. */
function deferrals(matches: readonly Match[], mark: number): readonly string[] {
  return matches.map((match) => `${ebtablesMatch(match, 'ipv6')} ${addMarks(mark, 'CONTINUE')}`);
}
