import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import { GATEWAY } from '../lab/segment.ts';
import { because, harmless4, harmless6, ipv6Shots, named, ofReason, type Shot } from './attack.ts';
import { GUEST, guard, type PolicyOptions, STRANGER, startCast } from './cast.ts';
import { ARP_ATTACKS } from './catalogue/arp.ts';
import { IPV4_SOURCES, PLAIN_IPV4_SPEAKERS } from './catalogue/ipv4.ts';
import { IPV6_SOURCES, ND_ATTACKS, PLAIN_IPV6_SPEAKERS } from './catalogue/ipv6.ts';
import { BEFORE_AN_ADDRESS, LAWFUL, lawfulArp, lawfulIpv4, lawfulIpv6 } from './catalogue/lawful.ts';
import { LINK_ATTACKS } from './catalogue/link.ts';
import { expectAllowed, expectArrivals, expectDrops } from './prove.ts';

async function castWith(t: ExecutionContext, policy: PolicyOptions) {
  const cast = await startCast(t, { guest: { directives: 'peers=open', ...policy } });
  await cast.neighbour.onlineUnguarded();
  await guard(cast.guest);
  return cast;
}

const macSpoofing = ofReason('mac-spoof', LINK_ATTACKS);
const { 'DHCP discover': discover, ...beforeIpv6 } = BEFORE_AN_ADDRESS;
const dad = (target: string) => ipv6Shots(f.neighborSolicitation(target), { src: '::' });
const { DAD, 'DAD with a nonce': dadWithNonce, ...fromOwnIpv6 } = lawfulIpv6(GUEST);

/** What a guest with no IPv4 at all has no business with. */
const NO_IPV4 = [
  ...because('arp-spoof', lawfulArp(GUEST)),
  ...because('ipv4-spoof', lawfulIpv4(GUEST)),
  ...because('unspecified-source', { discover }),
];
const NO_IPV6 = [
  ...because('ipv6-spoof', fromOwnIpv6),
  ...because('ipv6-spoof', { 'from link-local': ipv6Shots(harmless6(), { src: GUEST.linkLocal }) }),
  ...because('unspecified-source', {
    ...beforeIpv6,
    DAD: dad(GUEST.ip6),
    'DAD for link-local': dad(GUEST.linkLocal),
  }),
];

for (const [name, ip] of [
  ['no ip=', null],
  ['an empty ip=', ''],
] as const) {
  test(`locked with ${name}: the MAC is pinned, and there is no IP`, async (t) => {
    const cast = await castWith(t, { ip });
    await expectDrops(t, cast, [...macSpoofing, ...NO_IPV4, ...NO_IPV6]);
  });
}

test('IPv4 only: no IPv6, not even link-local', async (t) => {
  const cast = await castWith(t, { ip: GUEST.ip });
  await expectAllowed(t, cast, { ...lawfulArp(GUEST), ...lawfulIpv4(GUEST), discover });
  await expectDrops(t, cast, NO_IPV6);
});

test('IPv6 only: no ARP, no IPv4', async (t) => {
  const cast = await castWith(t, { ip: GUEST.ip6 });
  await expectAllowed(t, cast, { ...lawfulIpv6(GUEST), ...beforeIpv6 });
  await expectDrops(t, cast, NO_IPV4);
});

test('ip=any: every address, but still no other MAC, link-local address or role', async (t) => {
  const cast = await castWith(t, { ip: 'any' });
  await expectAllowed(t, cast, LAWFUL);
  await expectAllowed(t, cast, {
    ...lawfulArp({ mac: GUEST.mac, ip: STRANGER.ip }),
    ...lawfulIpv4({ mac: GUEST.mac, ip: STRANGER.ip }),
    ...lawfulIpv6({ mac: GUEST.mac, ip6: STRANGER.ip6 }),
  });
  await expectDrops(t, cast, [
    ...macSpoofing,
    ...named(IPV4_SOURCES, /from a group$/, /from loopback$/, /from broadcast$/),
    ...named(
      IPV6_SOURCES,
      /from a group$/,
      /from loopback$/,
      /from an IPv4-mapped address$/,
      /from .*link-local.*$/,
    ),
    ...PLAIN_IPV4_SPEAKERS,
    ...PLAIN_IPV6_SPEAKERS,
    ...ofReason('nd-malformed', ND_ATTACKS),
    ...named(ND_ATTACKS, /NA (.* )?for .*link-local address/, /DAD (.* )?for .*link-local address/),
    ...named(
      ARP_ATTACKS,
      /own address, .*sender MAC/,
      /multicast sender address/,
      /broadcast sender address/,
      /loopback sender address/,
      /from 0\.0\.0\.0/,
    ),
    ...ofReason('arp-malformed', ARP_ATTACKS),
  ]);
});

test('unlocked: everything passes', async (t) => {
  const cast = await castWith(t, { directives: 'mode=unlocked' });
  await expectArrivals(t, cast, [
    ...LINK_ATTACKS,
    ...ARP_ATTACKS,
    ...IPV4_SOURCES,
    ...IPV6_SOURCES,
    ...PLAIN_IPV4_SPEAKERS,
    ...PLAIN_IPV6_SPEAKERS,
    ...ND_ATTACKS,
  ]);
});

test('disabled: the port is down, and nothing passes though somebody sets it up', async (t) => {
  const cast = await castWith(t, { directives: 'mode=disabled' });
  t.regex(await cast.lab.dom0.namespace.run('ip', ['link', 'show', 'vif1.0']), / state DOWN /);
  await cast.lab.dom0.namespace.ip('link set vif1.0 up');
  await expectDrops(t, cast, because('disabled', LAWFUL));
});

const inbound = (build: () => f.Bytes): readonly Shot[] => [
  { from: 'gateway', frame: build(), reaches: ['guest'] },
];
const toGuest = () =>
  inbound(() =>
    f.ethernet({ src: GATEWAY.mac, dst: GUEST.mac }, f.ipv4({ src: GATEWAY.ip, dst: GUEST.ip }, harmless4())),
  );
const toGuest6 = (dst: string) =>
  inbound(() =>
    f.ethernet({ src: GATEWAY.mac, dst: GUEST.mac }, f.ipv6({ src: GATEWAY.ip6, dst }, harmless6())),
  );

test('a family that the guest does not have is not sent to it', async (t) => {
  const cast = await castWith(t, { ip: GUEST.ip });
  await expectAllowed(t, cast, { IPv4: toGuest() });
  const ipv6 = { IPv6: toGuest6(GUEST.ip6), 'all nodes': toGuest6('ff02::1') };
  await expectDrops(t, cast, because('not-for-guest', ipv6), 'to');
});

test('prefixes: each address of them, and none beside', async (t) => {
  const cast = await castWith(t, { ip: '192.0.2.64/29 2001:db8:0:ffff:1::/80' });
  const within = { mac: GUEST.mac, ip: '192.0.2.71', ip6: '2001:db8:0:ffff:1:ffff:ffff:ffff' };
  const beside = { mac: GUEST.mac, ip: '192.0.2.72', ip6: '2001:db8:0:ffff:2::' };
  await expectAllowed(t, cast, {
    ...lawfulArp(within),
    ...lawfulIpv4(within),
    ...lawfulIpv6(within),
    'to the guest': toGuest6(within.ip6),
  });
  const { DAD, 'DAD with a nonce': nonce, ...besideIpv6 } = lawfulIpv6(beside);
  await expectDrops(t, cast, [
    ...because('arp-spoof', lawfulArp(beside)),
    ...because('ipv4-spoof', lawfulIpv4(beside)),
    ...because('ipv6-spoof', besideIpv6),
    ...because('nd-spoof', {
      DAD,
      nonce,
      NA: ipv6Shots(f.neighborAdvertisement({ target: beside.ip6 }), { src: within.ip6 }),
    }),
  ]);
  await expectDrops(t, cast, because('not-for-guest', { 'to another': toGuest6(beside.ip6) }), 'to');
});

const LISTED = 'fe80::41';
const na = (target: string, src: string) =>
  ipv6Shots(f.neighborAdvertisement({ target }, f.targetLinkLayer(GUEST.mac)), { src });

test('link-local=listed: the listed address and not that of the MAC', async (t) => {
  const directives = 'peers=open,link-local=listed';
  const cast = await castWith(t, { ip: `${GUEST.ip6} ${LISTED}`, directives });
  const echo = ipv6Shots(harmless6(), { src: LISTED });
  await expectAllowed(t, cast, { echo, NA: na(LISTED, LISTED), DAD: dad(LISTED) });
  await expectDrops(t, cast, [
    ...because('ipv6-spoof', { echo: ipv6Shots(harmless6(), { src: GUEST.linkLocal }) }),
    ...because('nd-spoof', { NA: na(GUEST.linkLocal, GUEST.ip6), DAD: dad(GUEST.linkLocal) }),
  ]);
});

test('link-local=any: every link-local address, and no other one', async (t) => {
  const cast = await castWith(t, { directives: 'peers=open,link-local=any' });
  const other = STRANGER.linkLocal;
  const echo = ipv6Shots(harmless6(), { src: other });
  await expectAllowed(t, cast, { echo, NA: na(other, other), DAD: dad(other) });
  await expectDrops(t, cast, [
    ...because('ipv6-spoof', { echo: ipv6Shots(harmless6(), { src: STRANGER.ip6 }) }),
    ...because('nd-spoof', { NA: na(STRANGER.ip6, GUEST.ip6), DAD: dad(STRANGER.ip6) }),
  ]);
});

const EXTRA = '00:16:3e:00:01:99';
const SECOND = { mac: EXTRA, ip: GUEST.ip, ip6: GUEST.ip6 };

test('mac=: a further MAC, with which ARP and neighbour discovery have to agree', async (t) => {
  const cast = await castWith(t, { directives: `peers=open,mac=${EXTRA}` });
  await expectAllowed(t, cast, LAWFUL);
  await expectAllowed(t, cast, {
    ...lawfulArp(SECOND),
    ...lawfulIpv4(SECOND),
    ...lawfulIpv6(SECOND),
  });
  const { 'ARP request': crossed } = lawfulArp(SECOND);
  const forged = crossed.map(({ frame, reaches }) => ({
    frame: f.concat(frame.subarray(0, 6), f.mac(GUEST.mac), frame.subarray(12)),
    reaches,
  }));
  await expectDrops(t, cast, [
    ...macSpoofing,
    ...because('arp-spoof', { 'ARP, other MAC of its own': forged }),
  ]);
});

test('an HVM guest’s emulated port is guarded like the other', async (t) => {
  const cast = await startCast(t);
  const { lab } = cast;
  const hvm = await lab.guest({ domid: 3, name: 'hvm', type: 'vif_ioemu', ip: '192.0.2.43' });
  t.is((await hvm.online()).exitCode, 0);
  const from = (src: string, mac = hvm.mac) =>
    f.ethernet({ src: mac, dst: f.BROADCAST }, f.ipv4({ src, dst: '192.0.2.255' }, harmless4()));
  const witnesses = [lab.gateway, lab.dom0];
  for (const nic of [hvm.nic, hvm.emulatedNic]) {
    const frames = [from('192.0.2.43'), from(STRANGER.ip), from('192.0.2.43', STRANGER.mac)];
    const arrived = await hvm.arrivals(frames, witnesses, nic);
    t.deepEqual(
      arrived,
      [
        [true, false, false],
        [true, false, false],
      ],
      nic.name,
    );
  }
});
