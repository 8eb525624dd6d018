import { REASONS, type Reason } from '../../rules/reason.ts';
import { DROP_LOG_GROUP, DROP_LOG_LIMIT, type DropWay, dropLogPrefix } from '../drop-log.ts';
import { GUEST_GROUP } from '../guest-group.ts';
import { type Chain, dropChain, PORT, type SetDeclaration, type Table } from './table.ts';

/** The end of the way of an IPv6 frame from a guest. */
export const ACCEPT_IPV6 = 'accept/ipv6';

/** The sets and maps that know ports. */
const MEMBERSHIP: ReadonlyMap<string, SetDeclaration> = new Map([
  /** May not speak for the network towards guests. */
  ['peers', { kind: 'set', body: 'typeof iif' }],
  ['isolated', { kind: 'set', body: 'typeof iif' }],
  /** The members of either of the two, so that one look tells what is in none. */
  ['peers-or-isolated', { kind: 'set', body: 'typeof iif' }],
  /** Every guarded port is in it. */
  ['from-guest', { kind: 'map', body: 'typeof iif : verdict' }],
  ['to-guest', { kind: 'map', body: 'typeof oif : verdict' }],
  ['to-dom0', { kind: 'map', body: 'typeof iif : verdict' }],
]);

/** Headers that may hide another one behind them (RFC 8200 section 4.1, RFC 4302). */
const EXTENSION_HEADERS = '{ 0, 43, 44, 51, 60 }';

/** What there is one of, whatever the ports are. */
export function baseTable(): Table {
  const ways = ['from', 'to'] as const;
  const octets = Array.from({ length: 256 }, (_, octet) => {
    const part = { text: String(octet), bytes: Uint8Array.of(octet) };
    return { key: [part, part] };
  });
  return {
    chains: new Map([...hooks(), [ACCEPT_IPV6, acceptIpv6()], ...ways.flatMap(dropChains)]),
    sets: new Map([
      ...MEMBERSHIP,
      ['same-octets', { kind: 'set', body: 'typeof @nh,112,8 . @nh,192,8' }],
      ...ways.flatMap(counters),
    ]),
    elements: new Map([['same-octets', octets]]),
  };
}

const BRIDGE_GROUPS = '01:80:c2:00:00:01-01:80:c2:00:00:0f';

const REASON_NAMES = Object.keys(REASONS) as Reason[];

/**
 * A frame from a guest is judged before the bridge learns from it (prerouting, beside ebtables' early
 * hook), one to a guest where both ports are known. Where from is told by ports: no mark to be cleared, or to
 * collide with another's. What no chain of a guarded port's own has judged is dropped.
 */
function hooks(): (readonly [string, Chain])[] {
  const chain = (hook: string, priority: number, rules: readonly string[]) =>
    [hook, { hook: `type filter hook ${hook} priority ${priority}; policy accept;`, rules }] as const;
  const unfiltered = (way: DropWay) =>
    `${PORT[way]}group ${GUEST_GROUP} goto ${dropChain(way, 'unfiltered')}`;
  const toGuest = ['oif vmap @to-guest', unfiltered('to')];
  return [
    chain('prerouting', -300, ['iif vmap @from-guest', unfiltered('from')]),
    // Frames to a bridge group come here without having passed prerouting (br_handle_frame); to the first
    // of them they pass it, or, with STP, no hook at all.
    chain('input', -200, [`ether daddr ${BRIDGE_GROUPS} ${unfiltered('from')}`, 'iif vmap @to-dom0']),
    chain('forward', -200, toGuest),
    chain('output', -200, toGuest),
  ];
}

/** Upper layers whose header rules look into: TCP, UDP, ICMPv6. */
const UPPER_LAYERS = '{ 6, 17, 58 }';

/**
 * nft reads on into what follows the IPv6 payload, a trailer. Of a whole packet the receiver cuts it off;
 * of a first fragment, too, but puts the next one in its place: so the upper-layer header has to be
 * within the payload, which can be told when nothing but the Fragment header is in front of it
 * (`mayHoldUpperLayer` of the model).
 */
function acceptIpv6(): Chain {
  const cutShort = `goto ${dropChain('from', 'ipv6-header-chain')}`;
  return {
    rules: [
      `ip6 nexthdr ${UPPER_LAYERS} ip6 length >= 4 accept`,
      `ip6 nexthdr ${UPPER_LAYERS} ${cutShort}`,
      'exthdr frag missing accept',
      'ip6 version 6 frag frag-off != 0 accept',
      `frag more-fragments 0 frag nexthdr != ${EXTENSION_HEADERS} accept`,
      `ip6 nexthdr 44 frag nexthdr != ${EXTENSION_HEADERS} ip6 length >= 16 accept`,
      cutShort,
    ],
  };
}

const LOG_LIMIT = `limit rate ${DROP_LOG_LIMIT.perSecond}/second burst ${DROP_LOG_LIMIT.burst} packets`;

/** Each port has a counter in the set of the reason, and a limit of what is logged of it. */
function dropChains(way: DropWay): (readonly [string, Chain])[] {
  return REASON_NAMES.map((reason) => {
    const name = dropChain(way, reason);
    const log = `log prefix "${dropLogPrefix(reason, way)}" group ${DROP_LOG_GROUP}`;
    return [name, { rules: [`update @${name} { ${PORT[way]} counter ${LOG_LIMIT} } ${log}`, 'drop'] }];
  });
}

function counters(way: DropWay): (readonly [string, SetDeclaration])[] {
  const body = `typeof ${PORT[way]}; size 65535; flags dynamic`;
  return REASON_NAMES.map((reason) => [dropChain(way, reason), { kind: 'set', body }]);
}

/** The sets in which a port may have counters. */
export const COUNTERS: readonly string[] = (['from', 'to'] as const).flatMap((way) =>
  REASON_NAMES.map((reason) => dropChain(way, reason)),
);
