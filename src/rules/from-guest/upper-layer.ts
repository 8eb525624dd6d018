import { ANY_PORT, ICMPV6, only, PROTOCOL } from '../protocols.ts';
import { accept, drop, type Range, type Stage } from '../rule.ts';

/** ICMPv6 that a host sends: errors, echo, MLD reports, ND, extended echo (RFC 4443, 3810, 4861, 8335). */
const HOST_ICMPV6: readonly Range[] = [
  [1, 4],
  [128, 129],
  [ICMPV6.mldReport, ICMPV6.routerSolicitation],
  [ICMPV6.neighborSolicitation, ICMPV6.neighborAdvertisement],
  only(ICMPV6.mld2Report),
  [160, 161],
];

/** Messages only routers send; the stage network-roles has dropped those of guests without the role. */
const ROUTER_ICMPV6: readonly Range[] = [
  only(ICMPV6.mldQuery),
  only(ICMPV6.routerAdvertisement),
  [ICMPV6.redirect, ICMPV6.routerRenumbering],
  only(149),
  [151, 153],
];

/** Mobility, HIP and Shim6 can carry a further header that no filter follows (RFC 6275, 7401, 5533). */
const OPAQUE_HEADERS = [135, 139, 140];

/**
 * The IPv6 upper layer is in sight (RFC 7112): ports for TCP and UDP, a known type for ICMPv6. Later
 * fragments pass: without their first one nobody can reassemble them.
 */
export const upperLayer: Stage<'upper-layer'> = {
  name: 'upper-layer',
  shared: true,
  rules: [
    accept({ protocol: 'later-fragment' }),
    ...[PROTOCOL.tcp, PROTOCOL.udp].flatMap((protocol) => [
      ...ANY_PORT.map((sourcePort) => accept({ protocol, sourcePort })),
      drop('ipv6-header-chain', { protocol }),
    ]),
    ...[...HOST_ICMPV6, ...ROUTER_ICMPV6].map((type) => accept({ protocol: PROTOCOL.icmpv6, type })),
    drop('icmpv6-type', { protocol: PROTOCOL.icmpv6 }),
    ...OPAQUE_HEADERS.map((protocol) => drop('ipv6-header-chain', { protocol })),
    accept({ protocol: 'complete' }),
  ],
  otherwise: { drop: 'ipv6-header-chain' },
};
