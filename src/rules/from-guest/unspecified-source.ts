import type { GuardPolicy } from '../../policy/guard-policy.ts';
import { hasFamily } from '../../policy/identity.ts';
import { BROADCAST_IPV4, ICMPV6, only, PROTOCOL, UNSPECIFIED_IPV4, UNSPECIFIED_IPV6 } from '../protocols.ts';
import { accept, drop, pass, type Stage } from '../rule.ts';

/** Source 0.0.0.0 is for a DHCP client that has no address yet (RFC 2131 section 4.1). */
export function unspecifiedIpv4(policy: GuardPolicy): Stage<'unspecified-source'> {
  const client = accept({
    source: UNSPECIFIED_IPV4,
    destination: BROADCAST_IPV4,
    protocol: PROTOCOL.udp,
    sourcePort: only(68),
    destinationPort: only(67),
  });
  return {
    name: 'unspecified-source',
    rules: [
      ...(policy.dhcp && hasFamily(policy, 4) ? [client] : []),
      drop('unspecified-source', { source: UNSPECIFIED_IPV4 }),
    ],
    otherwise: 'pass',
  };
}

/** What a host sends before it has an address: DAD, MLD reports and RS (RFC 4862, RFC 3590, RFC 4861). */
const BEFORE_AN_ADDRESS = [
  ICMPV6.mldReport,
  ICMPV6.routerSolicitation,
  ICMPV6.neighborSolicitation,
  ICMPV6.mld2Report,
];

export const unspecifiedIpv6: Stage<'unspecified-source'> = {
  name: 'unspecified-source',
  shared: true,
  rules: [
    ...BEFORE_AN_ADDRESS.map((type) =>
      pass({ source: UNSPECIFIED_IPV6, protocol: PROTOCOL.icmpv6, type: only(type) }),
    ),
    drop('unspecified-source', { source: UNSPECIFIED_IPV6 }),
  ],
  otherwise: 'pass',
};
