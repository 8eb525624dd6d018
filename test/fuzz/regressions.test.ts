import test from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import * as f from '../frames/index.ts';
import { startLab } from '../lab/lab.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { Arena } from './arena.ts';
import { compare } from './disagreement.ts';
import type { SentFrame } from './frames.ts';
import { expectations, type Place } from './network.ts';
import { DOMIDS, guestStation, SECOND_ROUTER } from './stations.ts';

// What `make fuzz` has found: frames of which the kernel once thought otherwise.

interface Regression {
  readonly name: string;
  readonly sender: SentFrame['sender'];
  readonly frame: f.Bytes;
  /** Where the backends differ, the one that it is about. */
  readonly backend?: BackendName;
  /** Where it must not come to; nowhere by default. */
  readonly forbidden?: readonly Place[];
  /** Where it has to come to; nowhere by default. */
  readonly due?: readonly Place[];
}

const GUEST = guestStation(1);
const LAST_GUEST = DOMIDS.length;
const ROUTER = 3;
const listedLinkLocal = (domid: number) => `fe80::${domid}:1`;
const VIF_MAC = 'fe:ff:ff:ff:ff:ff';

const broadcast6 = (
  header: Partial<f.Ipv6Header>,
  payload: f.TransportLayer,
  trailer: f.Bytes = f.zeros(0),
) =>
  f.ethernet(
    { src: GUEST.mac, dst: f.BROADCAST, trailer },
    f.ipv6({ src: GUEST.ip6, dst: 'ff02::1', hopLimit: 255, ...header }, payload),
  );

/** The upper layer that ebtables sees stands behind the packet's end. */
const beyondTheEnd = (protocol: number, upper: f.Bytes) =>
  broadcast6(
    { extensions: [f.fragment({ offset: 0, more: true, id: 7 }), f.destinationOptions()] },
    f.rawTransport(protocol, f.zeros(0)),
    upper,
  );

/** Its data where the first fragment has the upper layer's header. */
function laterFragment4(protocol: number, data: f.Bytes): f.Bytes {
  const header = { src: GUEST.ip, dst: '192.0.2.255', fragmentOffset: 1, id: 7 };
  return f.ethernet(
    { src: GUEST.mac, dst: f.BROADCAST },
    f.ipv4(header, f.rawTransport(protocol, f.concat(data, f.marker()))),
  );
}

const REGRESSIONS: readonly Regression[] = [
  {
    name: 'a first fragment whose UDP header stands in the trailer only',
    sender: 1,
    frame: beyondTheEnd(17, f.u16(9, 9, 8, 0)),
    forbidden: ['gateway', 'dom0', 2],
  },
  {
    name: 'a first fragment whose ICMPv6 header stands in the trailer only',
    sender: 1,
    frame: beyondTheEnd(58, f.concat(f.u8(128, 0), f.zeros(6))),
    forbidden: ['gateway', 'dom0', 2],
  },
  {
    name: 'a first fragment whose next extension header stands in the trailer only',
    sender: 1,
    frame: broadcast6(
      { extensions: [f.fragment({ offset: 0, more: true, id: 7 })] },
      f.rawTransport(60, f.zeros(0)),
      f.concat(f.u8(6, 0), f.zeros(6), f.u16(9, 9), f.zeros(16)),
    ),
    forbidden: ['gateway', 'dom0', 2],
  },
  {
    name: 'a later fragment of nothing, from a link-local source, its next header an extension',
    sender: 1,
    frame: broadcast6(
      { src: GUEST.linkLocal, extensions: [f.fragment({ offset: 1, more: false, id: 7 })] },
      f.rawTransport(60, f.zeros(0)),
    ),
    forbidden: ['gateway', 'dom0', 2],
  },
  {
    name: 'ARP with hardware addresses of another length, for a guest',
    sender: 'gateway',
    frame: f.ethernet(
      { src: SECOND_ROUTER.mac, dst: f.BROADCAST, trailer: f.marker() },
      f.rawNetwork(
        0x0806,
        f.concat(f.u16(1, 0x0800), f.u8(0, 4), f.u16(1), f.ip(GATEWAY.ip), f.ip(GUEST.ip)),
      ),
    ),
    forbidden: [1, 2],
  },
  {
    name: 'a frame to the MAC that every vif has, from a guest that may send dom0 nothing',
    sender: LAST_GUEST,
    frame: f.ethernet(
      { src: guestStation(LAST_GUEST).mac, dst: VIF_MAC },
      f.ipv4(
        { src: guestStation(LAST_GUEST).ip, dst: DOM0.ip },
        f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
      ),
    ),
    forbidden: ['dom0'],
  },
  {
    name: 'hop-by-hop options that go on behind the end of the packet',
    sender: 1,
    frame: broadcast6(
      { extensions: [f.hopByHop()], payloadLength: 1 },
      f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
    ),
    backend: 'xtables',
    forbidden: ['gateway', 2],
  },
  {
    name: 'a PPPoE session frame without its header, which br_netfilter throws away',
    sender: 'gateway',
    frame: f.ethernet({ src: SECOND_ROUTER.mac, dst: f.BROADCAST }, f.rawNetwork(0x8864, f.zeros(7))),
    backend: 'xtables',
    forbidden: ['dom0', 1, 2],
  },
  {
    name: 'the same behind a tag, which is taken off before br_netfilter looks',
    sender: 'gateway',
    frame: f.ethernet(
      { src: SECOND_ROUTER.mac, dst: f.BROADCAST, tags: [{ id: 0 }] },
      f.rawNetwork(0x8864, f.zeros(7)),
    ),
    backend: 'xtables',
    forbidden: ['dom0', 1, 2],
  },
  {
    name: 'an unfragmented packet whose TCP header stands in the trailer only',
    sender: 1,
    frame: broadcast6({ payloadLength: 0 }, f.tcp({ srcPort: 9, dstPort: 9 }, f.marker())),
    forbidden: ['gateway', 'dom0', 2],
  },
  {
    name: 'a later IPv4 fragment with a DHCP server’s ports in its data',
    sender: 1,
    frame: laterFragment4(17, f.u16(67, 68, 8, 0)),
    due: ['gateway', 'dom0', 2],
  },
  {
    name: 'a later IPv4 fragment with an IGMP report’s type in its data',
    sender: 1,
    frame: laterFragment4(2, f.concat(f.u8(0x16, 0), f.u16(0), f.ip('239.1.2.3'))),
    forbidden: ['gateway', 'dom0', 2],
  },
  {
    name: 'a later IPv6 fragment whose flow label is a DHCP client’s port',
    sender: 1,
    frame: broadcast6(
      { flowLabel: 546, extensions: [f.fragment({ offset: 1, more: false, id: 7 })] },
      f.rawTransport(17, f.marker()),
    ),
    due: ['gateway', 'dom0', 2],
  },
  {
    name: 'half a Fragment header of a later fragment of UDP, which is none to its receiver',
    sender: 1,
    frame: f.ethernet(
      { src: GUEST.mac, dst: f.BROADCAST },
      f.ipv6({ src: GUEST.ip6, dst: 'ff02::1', nextHeader: 44 }, f.rawTransport(17, f.u8(17, 0, 0, 8))),
    ),
    due: ['gateway', 2],
  },
  {
    name: 'two tags, the first of VID 0, the second cut short',
    sender: 'gateway',
    frame: f.ethernet(
      { src: SECOND_ROUTER.mac, dst: f.BROADCAST },
      f.rawNetwork(0x8100, f.u16(0, 0x8100, 0)),
    ),
    forbidden: [1, 2],
  },
  {
    name: 'a DHCPv6 answer of a router that is no DHCP server',
    sender: ROUTER,
    frame: f.ethernet(
      { src: guestStation(ROUTER).mac, dst: GUEST.mac },
      f.ipv6(
        { src: guestStation(ROUTER).ip6, dst: GUEST.ip6 },
        f.udp({ srcPort: 9, dstPort: 546 }, f.marker()),
      ),
    ),
    forbidden: [1],
  },
  {
    name: 'a DHCP answer of a router that is no DHCP server',
    sender: ROUTER,
    frame: f.ethernet(
      { src: guestStation(ROUTER).mac, dst: GUEST.mac },
      f.ipv4({ src: guestStation(ROUTER).ip, dst: GUEST.ip }, f.udp({ srcPort: 9, dstPort: 68 }, f.marker())),
    ),
    forbidden: [1],
  },
  {
    name: 'a fragment from a link-local address that is listed',
    sender: 1,
    frame: f.ethernet(
      { src: GUEST.mac, dst: GATEWAY.mac },
      f.ipv6(
        {
          src: listedLinkLocal(1),
          dst: GATEWAY.ip6,
          extensions: [f.fragment({ offset: 0, more: false, id: 7 })],
        },
        f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
      ),
    ),
    forbidden: ['gateway'],
  },
  {
    name: 'IPv4 of another version, for a guest',
    sender: 'gateway',
    frame: f.ethernet(
      { src: SECOND_ROUTER.mac, dst: GUEST.mac },
      f.ipv4(
        { src: SECOND_ROUTER.ip, dst: GUEST.ip, version: 0 },
        f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
      ),
    ),
    backend: 'nftables',
    forbidden: [1],
  },
  {
    name: 'two tags, the second cut short, which br_netfilter throws away',
    sender: 'gateway',
    frame: f.ethernet(
      { src: SECOND_ROUTER.mac, dst: f.BROADCAST },
      f.rawNetwork(0x8100, f.u16(7, 0x8100, 0)),
    ),
    backend: 'xtables',
    forbidden: ['dom0', 1, 2],
  },
  {
    name: 'an IPv6 header that ends within the destination, which might be a group',
    sender: 'gateway',
    frame: f.ethernet(
      { src: SECOND_ROUTER.mac, dst: f.BROADCAST },
      f.rawNetwork(0x86dd, f.concat(f.u16(0x6000, 0, 8), f.u8(17, 255), f.ip(SECOND_ROUTER.ip6), f.u8(0xff))),
    ),
    forbidden: [1, 2],
  },
];

for (const backend of BACKENDS) {
  test(`${backend}: what was once let through stays away, what was once lost arrives, and the model says so`, async (t) => {
    const arena = await Arena.open(await startLab(t, { backend }));
    const network = await arena.guard(
      DOMIDS.map((domid) => {
        const { ip, ip6 } = guestStation(domid);
        const own = domid === LAST_GUEST ? ',dom0=none' : domid === ROUTER ? ',role=router' : '';
        return { ip: `${ip} ${ip6} ${listedLinkLocal(domid)}`, directives: `peers=open${own}` };
      }),
    );
    const regressions = REGRESSIONS.filter((regression) => (regression.backend ?? backend) === backend);
    const found: string[] = [];
    for (const { name, sender, frame, forbidden = [], due = [] } of regressions) {
      const sent = { sender, octets: frame };
      const expectation = expectations(sent, network);
      for (const place of forbidden) t.is(expectation(place), 'stays away', name);
      for (const place of due) t.is(expectation(place), 'arrives', name);
      const disagreements = await compare(arena, network, [sent]);
      found.push(...disagreements.map(({ kind, place }) => `${name}: ${kind} at ${place}`));
    }
    t.deepEqual(found, []);
  });
}
