import { eui64LinkLocal, formatPrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { STRANGER } from '../attacks/cast.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { fence } from '../lab/witness.ts';

/** What a guest may not send. */
const KINDS = [
  'foreign MAC',
  'isolated neighbour',
  'forged IPv4',
  'forged IPv4 for all',
  'forged IPv6',
  'ARP spoof',
  'rogue RA',
  'rogue DHCP',
] as const;
type Kind = (typeof KINDS)[number];

/** Of each kind, how many frames. */
export type Tally = Readonly<Record<Kind, number>>;

/** What the bridge refuses by itself, whatever became of the packet filter. */
export const BY_THE_BRIDGE = ['foreign MAC', 'isolated neighbour'] as const satisfies readonly Kind[];
export const BY_THE_FILTER = KINDS.filter((kind) => !BY_THE_BRIDGE.some((held) => held === kind));

export const IP = '192.0.2.41';
const FORGED = STRANGER.ip;

export const NONE: Tally = tally(() => 0);

function tally(of: (kind: Kind) => number): Tally {
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, number>;
}

function frames({ mac }: Guest, neighbour: Guest): Readonly<Record<Kind, (mark: f.Bytes) => f.Bytes>> {
  const linkLocal = formatPrefix({ ...eui64LinkLocal(parseMac(mac)), length: 128 });
  const datagram = (src: string, dst: string, ports = { srcPort: 9, dstPort: 9 }) => {
    return (mark: f.Bytes) => f.ipv4({ src, dst }, f.udp(ports, mark));
  };
  const from = (src: string, dst: string, payload: (mark: f.Bytes) => f.NetworkLayer) => {
    return (mark: f.Bytes) => f.ethernet({ src, dst }, payload(mark));
  };
  const claim = { op: f.ARP_REPLY, senderMac: mac, senderIp: GATEWAY.ip, targetIp: DOM0.ip };
  const offer = { type: f.DHCP_OFFER, mac: neighbour.mac, yourIp: FORGED, serverId: IP };
  return {
    'foreign MAC': from(STRANGER.mac, GATEWAY.mac, datagram(IP, GATEWAY.ip)),
    'isolated neighbour': from(mac, neighbour.mac, datagram(IP, neighbour.addresses.ip ?? IP)),
    'forged IPv4': from(mac, DOM0.mac, datagram(FORGED, DOM0.ip)),
    'forged IPv4 for all': from(mac, f.BROADCAST, datagram(FORGED, '192.0.2.255')),
    'forged IPv6': from(mac, f.multicastMac('ff02::1'), (mark) =>
      f.ipv6({ src: STRANGER.ip6, dst: 'ff02::1' }, f.icmpv6EchoReply(mark)),
    ),
    'ARP spoof': (mark) => f.ethernet({ src: mac, dst: f.BROADCAST, trailer: mark }, f.arp(claim)),
    'rogue RA': from(mac, f.multicastMac('ff02::1'), (mark) =>
      f.ipv6(
        { src: linkLocal, dst: 'ff02::1', hopLimit: 255 },
        f.routerAdvertisement({}, f.ndOption(253, mark)),
      ),
    ),
    'rogue DHCP': from(mac, f.BROADCAST, (mark) =>
      f.ipv4({ src: IP, dst: '255.255.255.255' }, f.dhcp({ ...offer, options: mark })),
    ),
  };
}

/** How many frames are sent at least while a scenario goes on. */
const FRAMES = 100_000;

export interface Outcome {
  /** How many frames the guest's kernel took while the scenario went on, and how often that was repeated. */
  readonly sent: number;
  readonly rounds: number;
  /** How many of them arrived where they may not: at the gateway, at dom0 or at the neighbour. */
  readonly arrived: Tally;
}

export interface FloodOptions {
  /** How often the scenario is repeated at least; once by default. */
  readonly rounds?: number;
}

/**
 * What became of forbidden frames that `guest` sent all the time while `scenario` was repeated, until enough
 * of them were sent.
 */
export async function flooding(
  guest: Guest,
  neighbour: Guest,
  scenario: () => Promise<void>,
  { rounds: atLeast = 1 }: FloodOptions = {},
): Promise<Outcome> {
  const { gateway, dom0 } = guest.lab;
  const marks = KINDS.map(() => f.marker());
  const forbidden = frames(guest, neighbour);
  const atNeighbour = await neighbour.nic.count(...marks);
  const elsewhere = await Promise.all([gateway, dom0].map(({ nic }) => nic.count(...marks)));
  const pour = await guest.nic.pour(KINDS.map((kind, i) => forbidden[kind](marks[i] ?? f.marker())));
  let [rounds, sent] = [0, 0];
  for (; rounds < atLeast || sent < FRAMES; rounds++) {
    await scenario();
    sent = sum(await pour.taken());
  }
  await pour.stop();
  await fence(gateway);
  const counts = await Promise.all([atNeighbour, ...elsewhere].map((counter) => counter.stop()));
  // While the neighbour is away the bridge takes what is for it to the uplink, and the guest may speak there.
  const arrivals = (kind: Kind) => (kind === 'isolated neighbour' ? counts.slice(0, 1) : counts);
  const arrived = tally((kind) => sum(arrivals(kind).map((of) => of[KINDS.indexOf(kind)] ?? 0)));
  return { sent, rounds, arrived };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
