import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { macsOf } from '../../policy/identity.ts';
import { grantedLinkLocals } from '../identity.ts';
import { ICMPV6, LINK_LOCAL_IPV6, only, PROTOCOL, UNSPECIFIED_IPV6 } from '../protocols.ts';
import { drop, type Match, pass, type Rule, type Stage } from '../rule.ts';

const message = (type: number): Match => ({ protocol: PROTOCOL.icmpv6, type: only(type) });

/** The ND messages that a host sends. */
export const HOST_ND: readonly Match[] = [
  message(ICMPV6.routerSolicitation),
  message(ICMPV6.neighborSolicitation),
  message(ICMPV6.neighborAdvertisement),
];

/** Nothing that a host sends from a link-local source needs a fragment (RFC 6980 for ND itself). */
export const linkLocalFragments: Stage<'link-local-fragments'> = {
  name: 'link-local-fragments',
  only: [{ source: LINK_LOCAL_IPV6 }],
  rules: [drop('nd-fragment', { source: LINK_LOCAL_IPV6, fragmented: true })],
  otherwise: 'pass',
};

/**
 * ND messages in the few forms that a host sends: right behind the IPv6 header, with no option, its
 * own link-layer address, or the nonce of enhanced DAD (RFC 4861 sections 4.1 to 4.4, RFC 6980, RFC 7527).
 */
export function ndMessage(policy: GuardPolicy): Stage<'nd-message'> {
  const { routerSolicitation, neighborSolicitation, neighborAdvertisement } = ICMPV6;
  const plain = [routerSolicitation, neighborSolicitation, neighborAdvertisement].map((type) =>
    pass({ nd: { type, option: { kind: 'none' } } }),
  );
  const nonce = pass({
    source: UNSPECIFIED_IPV6,
    nd: { type: neighborSolicitation, option: { kind: 'nonce' } },
  });
  // RFC 4861 sections 6.1.1 and 7.1.1: no link-layer option with the unspecified source.
  const anonymous = [
    drop('nd-malformed', { source: UNSPECIFIED_IPV6, ...message(routerSolicitation) }),
    drop('nd-malformed', { source: UNSPECIFIED_IPV6, ...message(neighborSolicitation) }),
  ];
  const addressed = macsOf(policy).flatMap((mac) => [
    pass({ nd: { type: routerSolicitation, option: { kind: 'source-address', mac } } }),
    pass({ nd: { type: neighborSolicitation, option: { kind: 'source-address', mac } } }),
    pass({ nd: { type: neighborAdvertisement, option: { kind: 'target-address', mac } } }),
  ]);
  return {
    name: 'nd-message',
    only: HOST_ND,
    rules: [...plain, nonce, ...anonymous, ...addressed],
    otherwise: { drop: 'nd-malformed' },
  };
}

/**
 * A guest advertises, and claims by DAD, its own addresses only. Solicitations from an address of
 * its own may ask for any.
 */
export function ndTarget(policy: GuardPolicy): Stage<'nd-target'> {
  const { routerSolicitation, neighborSolicitation } = ICMPV6;
  const own = policy.ipv6 === 'any' ? 'any' : [...grantedLinkLocals(policy), ...policy.ipv6];
  const claims: readonly Rule[] =
    own === 'any'
      ? [
          ...grantedLinkLocals(policy).map((ndTarget) => pass({ ndTarget })),
          drop('nd-spoof', { ndTarget: LINK_LOCAL_IPV6 }),
        ]
      : own.map((ndTarget) => pass({ ndTarget }));
  return {
    name: 'nd-target',
    only: HOST_ND,
    rules: [
      pass(message(routerSolicitation)),
      ...claims,
      ...(own === 'any' ? [] : [drop('nd-spoof', { source: UNSPECIFIED_IPV6 })]),
      ...(own === 'any' ? [] : [pass(message(neighborSolicitation))]),
    ],
    otherwise: own === 'any' ? 'pass' : { drop: 'nd-spoof' },
  };
}
