import { type IpPrefix, isHost, prefixContains } from '../address/ip.ts';
import type { AddressSet, GuardPolicy } from '../policy/guard-policy.ts';
import { LINK_LOCAL_IPV6, only, PROTOCOL } from './protocols.ts';
import type { Match, Range, Rule, ShortCuts, Stage } from './rule.ts';

/** At most so many addresses per family get a short cut: each costs every other frame a comparison. */
const FEW = 4;

const UNICAST = { address: '00:00:00:00:00:00', mask: '01:00:00:00:00:00' };
const WHOLE_MAC = 'ff:ff:ff:ff:ff:ff';

/** UDP comes first, as most floods of small packets are UDP. */
const PROTOCOLS = [PROTOCOL.udp, PROTOCOL.tcp];

/**
 * TCP and UDP to a host, from an address of the guest's own, on ports that no rule of the stage
 * network-roles is about; and what comes for such an address from an uplink or dom0.
 */
export function shortCuts(
  policy: GuardPolicy,
  roles: { readonly ipv4: Stage; readonly ipv6: Stage },
): ShortCuts {
  const families = [
    { etherType: 'ipv4', addresses: fewOf(policy.ipv4), roles: roles.ipv4 },
    { etherType: 'ipv6', addresses: fewOf(policy.ipv6), roles: roles.ipv6 },
  ] as const;
  return {
    fromGuest: families.flatMap(({ etherType, addresses, roles }) => {
      const flows = PROTOCOLS.flatMap((protocol) => unrestricted(protocol, roles.rules));
      return addresses.flatMap((source) =>
        flows.map((flow) => ({
          etherSource: policy.mac,
          etherDestination: UNICAST,
          etherType,
          source,
          ...flow,
        })),
      );
    }),
    toGuest: families.flatMap(({ etherType, addresses }) =>
      addresses.map((destination) => ({
        etherDestination: { address: policy.mac, mask: WHOLE_MAC },
        etherType,
        destination,
        fromPeer: false,
        fromIsolated: false,
      })),
    ),
  };
}

/** Not link-local ones: their fragments are dropped, which the stages decide. */
function fewOf(addresses: AddressSet): readonly IpPrefix[] {
  if (addresses === 'any') return [];
  return addresses.filter((own) => isHost(own) && !prefixContains(LINK_LOCAL_IPV6, own)).slice(0, FEW);
}

/**
 * What rules let pass of a protocol: all ports outside of the range from the lowest to the highest that they
 * name. The ports have to be there, as the upper layer has to (RFC 7112).
 */
function unrestricted(protocol: number, rules: readonly Rule[]): readonly Match[] {
  const dropped = rules.filter(({ match, verdict }) => verdict !== 'pass' && mayBe(match, protocol));
  const plain = dropped.flatMap(({ match }) => [match.plainDestinationPort ?? []].flat());
  const about = dropped.filter(({ match }) => match.plainDestinationPort === undefined);
  const ports = about.map(({ match }) => match.destinationPort ?? match.sourcePort);
  if (ports.includes(undefined)) return [];
  const destinations = about.flatMap(({ match }) => [match.destinationPort ?? []].flat());
  const sources = about.flatMap(({ match }) =>
    match.destinationPort === undefined ? [match.sourcePort ?? []].flat() : [],
  );
  return [
    {
      protocol,
      ...(sources.length === 0 ? {} : { sourcePortNot: hull(sources) }),
      destinationPortNot: destinations.length === 0 ? only(0) : hull(destinations),
      ...(plain.length === 0 ? {} : { plainDestinationPortNot: hull(plain) }),
    },
  ];
}

function mayBe(match: Match, protocol: number): boolean {
  return typeof match.protocol !== 'number' || match.protocol === protocol;
}

function hull(ports: readonly number[]): Range {
  return [Math.min(...ports), Math.max(...ports)];
}
