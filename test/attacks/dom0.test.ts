import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import { DOM0, DOM0_LINK_LOCAL } from '../lab/segment.ts';
import { because, datagram, harmless4, harmless6, type Shot } from './attack.ts';
import { GUEST, guard, startCast } from './cast.ts';
import { expectAllowed, expectDrops } from './prove.ts';

const BEYOND = { ip: '198.51.100.1', ip6: '2001:db8:9::1' };

const toDom0 = (payload: f.NetworkLayer): readonly Shot[] => [
  { frame: f.ethernet({ src: GUEST.mac, dst: DOM0.mac }, payload), reaches: ['dom0'] },
];
const packet4 = (payload: f.TransportLayer, header: Partial<f.Ipv4Header> = {}) =>
  toDom0(f.ipv4({ src: GUEST.ip, dst: DOM0.ip, ...header }, payload));
const packet6 = (payload: f.TransportLayer, header: Partial<f.Ipv6Header> = {}) =>
  toDom0(f.ipv6({ src: GUEST.ip6, dst: DOM0.ip6, hopLimit: 255, ...header }, payload));
const tcp = () => f.tcp({ srcPort: 9, dstPort: 22 }, f.marker());
const udp = datagram(9, 53);
const first = f.fragment({ offset: 0, more: true, id: 7 });
const later = f.fragment({ offset: 2, more: false, id: 7 });

const SERVICES = {
  TCP: packet4(tcp()),
  UDP: packet4(udp()),
  'a fragment of UDP': packet4(udp(), { moreFragments: true }),
  'a later fragment of UDP': packet4(f.rawTransport(17, f.marker()), { fragmentOffset: 2 }),
  GRE: packet4(f.rawTransport(47, f.marker())),
  'TCP over IPv6': packet6(tcp()),
  'TCP over IPv6, from link-local': packet6(tcp(), { src: GUEST.linkLocal, dst: DOM0_LINK_LOCAL }),
  'UDP over IPv6': packet6(udp()),
  'UDP behind options': packet6(udp(), { extensions: [f.hopByHop(), f.destinationOptions()] }),
  'a fragment of UDP over IPv6': packet6(udp(), { extensions: [first] }),
  ESP: packet6(f.rawTransport(50, f.concat(f.zeros(8), f.marker()))),
  'TCP routed by dom0': packet4(tcp(), { dst: BEYOND.ip }),
  'UDP routed by dom0': packet4(udp(), { dst: BEYOND.ip }),
  'TCP over IPv6 routed by dom0': packet6(tcp(), { dst: BEYOND.ip6 }),
  'UDP over IPv6 routed by dom0': packet6(udp(), { dst: BEYOND.ip6 }),
};

const MESSAGES = {
  ARP: toDom0(f.arp({ op: f.ARP_REQUEST, senderMac: GUEST.mac, senderIp: GUEST.ip, targetIp: DOM0.ip })),
  ping: packet4(harmless4()),
  'a later fragment of a ping': packet4(f.rawTransport(1, f.marker()), { fragmentOffset: 2 }),
  'ping over IPv6': packet6(harmless6()),
  'a first fragment of a ping over IPv6': packet6(harmless6(), { extensions: [first] }),
  'a later fragment of a ping over IPv6': packet6(f.rawTransport(58, f.marker()), { extensions: [later] }),
  NS: packet6(f.neighborSolicitation(DOM0.ip6, f.sourceLinkLayer(GUEST.mac))),
  NA: packet6(f.neighborAdvertisement({ target: GUEST.ip6, solicited: true }, f.targetLinkLayer(GUEST.mac))),
};

async function castWith(t: ExecutionContext, dom0: string) {
  const cast = await startCast(t, { guest: { directives: `peers=open,dom0=${dom0}` } });
  await cast.neighbour.onlineUnguarded();
  await guard(cast.guest);
  return cast;
}

const everybody = () =>
  f.ethernet({ src: GUEST.mac, dst: f.BROADCAST }, f.ipv4({ src: GUEST.ip, dst: '192.0.2.255' }, udp()));

test('dom0=allow: everything arrives', async (t) => {
  const cast = await castWith(t, 'allow');
  await expectAllowed(t, cast, { ...SERVICES, ...MESSAGES });
});

test('dom0=icmp: ARP, neighbour discovery and pings arrive, nothing else', async (t) => {
  const cast = await castWith(t, 'icmp');
  await expectAllowed(t, cast, MESSAGES);
  await expectDrops(t, cast, because('dom0-access', SERVICES));
});

test('dom0=none: nothing arrives, not even routed', async (t) => {
  const cast = await castWith(t, 'none');
  await expectDrops(t, cast, because('dom0-access', { ...SERVICES, ...MESSAGES }));
});

for (const dom0 of ['icmp', 'none']) {
  test(`dom0=${dom0}: a broadcast goes to the others and not to dom0`, async (t) => {
    const { lab, guest, neighbour } = await castWith(t, dom0);
    const frame = everybody();
    await t.notThrowsAsync(guest.expectArrives(frame, { at: [lab.gateway, neighbour] }));
    await t.notThrowsAsync(guest.expectDoesNotArrive(everybody(), { at: lab.dom0 }));
  });
}
