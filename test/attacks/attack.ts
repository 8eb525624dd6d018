import type { Reason } from '../../src/rules/reason.ts';
import * as f from '../frames/index.ts';
import { GUEST, PLACES, type Spot, STATIONS } from './cast.ts';

/** One frame, and where it arrives when nobody hinders it. */
export interface Shot {
  readonly frame: f.Bytes;
  /** The guest by default. */
  readonly from?: Spot;
  readonly reaches: readonly Spot[];
}

/** A forbidden thing to send: its frames, and the reason under which the guard drops each of them. */
export interface Attack {
  readonly name: string;
  /** `kernel`: what the bridge or br_netfilter itself throws away, which no counter of ours sees. */
  readonly reason: Reason | 'kernel';
  readonly shots: readonly Shot[];
}

/** A destination as a frame addresses it. */
export interface Target {
  readonly mac: string;
  readonly address: string;
}

export const ALL_HOSTS = '224.0.0.1';
export const ALL_NODES = 'ff02::1';

/**
 * A frame to each place alone, one broadcast, one to a group.
 *
 * @param group an IPv4 or IPv6 group, which tells the family of the targets' addresses too.
 */
export function everywhere(group: string, build: (to: Target) => f.Bytes): Shot[] {
  const isIpv6 = group.includes(':');
  const single = PLACES.map((place) => {
    const { mac, ip, ip6 } = STATIONS[place];
    return { frame: build({ mac, address: isIpv6 ? ip6 : ip }), reaches: [place] };
  });
  const broadcast = build({ mac: f.BROADCAST, address: isIpv6 ? ALL_NODES : '255.255.255.255' });
  const multicast = build({ mac: f.multicastMac(group), address: group });
  return [...single, { frame: broadcast, reaches: PLACES }, { frame: multicast, reaches: PLACES }];
}

export interface Ipv4Options extends Partial<f.Ipv4Header> {
  readonly group?: string;
  readonly ether?: Partial<f.EthernetHeader>;
}

/** An IPv4 packet of the guest's, but for what `options` says, to everywhere. */
export function ipv4Shots(payload: f.TransportLayer, options: Ipv4Options = {}): Shot[] {
  const { group = ALL_HOSTS, ether = {}, ...header } = options;
  return everywhere(group, ({ mac, address }) =>
    f.ethernet(
      { src: GUEST.mac, dst: mac, ...ether },
      f.ipv4({ src: GUEST.ip, dst: address, ...header }, payload),
    ),
  );
}

export interface Ipv6Options extends Partial<f.Ipv6Header> {
  readonly group?: string;
  readonly ether?: Partial<f.EthernetHeader>;
}

/** An IPv6 packet of the guest's, but for what `options` says, to everywhere. */
export function ipv6Shots(payload: f.TransportLayer, options: Ipv6Options = {}): Shot[] {
  const { group = ALL_NODES, ether = {}, ...header } = options;
  return everywhere(group, ({ mac, address }) =>
    f.ethernet(
      { src: GUEST.mac, dst: mac, ...ether },
      f.ipv6({ src: GUEST.ip6, dst: address, hopLimit: 255, ...header }, payload),
    ),
  );
}

/** Things of one kind. */
export function because(
  reason: Attack['reason'],
  shots: Readonly<Record<string, readonly Shot[]>>,
): readonly Attack[] {
  return Object.entries(shots).map(([name, frames]) => ({ name, reason, shots: frames }));
}

/** @throws TypeError when there are none, as nothing would be proved then. */
export function ofReason(reason: Attack['reason'], attacks: readonly Attack[]): readonly Attack[] {
  return some(`of the reason ${reason}`, attacks, (attack) => attack.reason === reason);
}

/**
 * Those that a pattern matches.
 *
 * @throws TypeError when a pattern matches none, so that an attack with another name does not drop out unseen.
 */
export function named(attacks: readonly Attack[], ...patterns: readonly RegExp[]): readonly Attack[] {
  const chosen = patterns.flatMap((pattern) =>
    some(`named like ${pattern}`, attacks, ({ name }) => pattern.test(name)),
  );
  return [...new Set(chosen)];
}

function some(
  what: string,
  attacks: readonly Attack[],
  chooses: (attack: Attack) => boolean,
): readonly Attack[] {
  const chosen = attacks.filter(chooses);
  if (chosen.length === 0) throw new TypeError(`there is no attack ${what}`);
  return chosen;
}

/** A message that a guest has no business with. */
export interface Message {
  readonly name: string;
  readonly payload: () => f.TransportLayer;
  readonly group?: string;
}

export type Messages = Readonly<Partial<Record<Reason, readonly Message[]>>>;

/** Each message in each disguise. */
export function disguised<Options extends { readonly group?: string }>(
  messages: Messages,
  disguises: Readonly<Record<string, Options>>,
  shots: (payload: f.TransportLayer, options: Options) => readonly Shot[],
): readonly Attack[] {
  return (Object.entries(messages) as [Reason, readonly Message[]][]).flatMap(([reason, list]) =>
    list.flatMap(({ name, payload, group }) =>
      Object.entries(disguises).map(([disguise, options]) => ({
        name: `${name}, ${disguise}`,
        reason,
        shots: shots(payload(), { ...options, ...(group === undefined ? {} : { group }) }),
      })),
    ),
  );
}

/** What anybody may send and nobody answers, to be wrapped into something forbidden. */
export const harmless4 = () => f.icmpEchoReply(f.marker());
export const harmless6 = () => f.icmpv6EchoReply(f.marker());

/** A datagram that holds nothing. */
export const datagram = (srcPort: number, dstPort: number) => () => f.udp({ srcPort, dstPort }, f.marker());
