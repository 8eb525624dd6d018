import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import { type Attack, because, harmless4, harmless6, ipv4Shots, ipv6Shots } from './attack.ts';
import { GUEST, guard, startCast } from './cast.ts';
import { PLAIN_IPV4_SPEAKERS } from './catalogue/ipv4.ts';
import { PLAIN_IPV6_SPEAKERS } from './catalogue/ipv6.ts';
import { LAWFUL, lawfulArp, lawfulIpv4 } from './catalogue/lawful.ts';
import { expectAllowed, expectArrivals, expectDrops } from './prove.ts';

const SPEAKERS = [...PLAIN_IPV4_SPEAKERS, ...PLAIN_IPV6_SPEAKERS];

async function castWith(t: ExecutionContext, directives: string) {
  const cast = await startCast(t, { guest: { directives: `peers=open,${directives}` } });
  await cast.neighbour.onlineUnguarded();
  await guard(cast.guest);
  return cast;
}

const isVrrp = ({ name }: Attack) => /^(VRRP|CARP)/.test(name);
const ROUTER = [
  'router-advert',
  'redirect',
  'router-icmp',
  'multicast-query',
  'routing-protocol',
  'first-hop-redundancy',
];

/** Each role, and what of the messages it opens. */
const OPENED: Readonly<Record<string, (attack: Attack) => boolean>> = {
  'role=router': (attack) => ROUTER.includes(attack.reason) && !isVrrp(attack),
  'role=dhcp-server': ({ reason }) => reason === 'dhcp-server',
  'vrrp=51 192.0.2.50 2001:db8:0:ffff::50': isVrrp,
  'role=router dhcp-server': (attack) =>
    [...ROUTER, 'dhcp-server'].includes(attack.reason) && !isVrrp(attack),
};

for (const [directives, isOpened] of Object.entries(OPENED)) {
  test(`${directives}: opens what it should, and nothing else`, async (t) => {
    const cast = await castWith(t, directives);
    const opened = SPEAKERS.filter(isOpened);
    t.true(opened.length > 0);
    await expectAllowed(t, cast, LAWFUL);
    await expectArrivals(t, cast, opened);
    await expectDrops(
      t,
      cast,
      SPEAKERS.filter((attack) => !isOpened(attack)),
    );
  });
}

const VIRTUAL = {
  mac: '00:00:5e:00:01:33',
  mac6: '00:00:5e:00:02:33',
  ip: '192.0.2.50',
  ip6: '2001:db8:0:ffff::50',
};

test('vrrp=: the virtual router’s MACs and addresses, not those of another', async (t) => {
  const cast = await castWith(t, `vrrp=51 ${VIRTUAL.ip} ${VIRTUAL.ip6}`);
  const { mac, mac6, ip, ip6 } = VIRTUAL;
  const packet = (options: Parameters<typeof ipv4Shots>[1]) => ipv4Shots(harmless4(), options);
  const advertised = (target: string, tlla: string) =>
    ipv6Shots(f.neighborAdvertisement({ target, router: true, override: true }, f.targetLinkLayer(tlla)), {
      ether: { src: mac6 },
    });
  await expectAllowed(t, cast, {
    ...lawfulArp({ mac, ip }),
    ...lawfulIpv4({ mac, ip }),
    'from the virtual MAC': packet({ ether: { src: mac } }),
    'from the virtual address': packet({ src: ip }),
    'NA for the virtual address': advertised(ip6, mac6),
    'IPv6 from the virtual address': ipv6Shots(harmless6(), { src: ip6, ether: { src: mac6 } }),
  });
  await expectDrops(t, cast, [
    ...because('mac-spoof', {
      'the MAC of another virtual router': packet({ ether: { src: '00:00:5e:00:01:01' } }),
    }),
    ...because('ipv4-spoof', {
      'another virtual address': packet({ src: '192.0.2.51', ether: { src: mac } }),
    }),
    ...because('nd-malformed', {
      'NA with the MAC of another': advertised(ip6, '00:00:5e:00:02:01'),
    }),
    ...because('nd-spoof', { 'NA for another virtual address': advertised('2001:db8:0:ffff::51', mac6) }),
    ...because('arp-spoof', {
      'ARP with the MAC of another': lawfulArp({ mac, ip })['ARP reply'].map(({ frame, reaches }) => ({
        frame: f.concat(frame.subarray(0, 6), f.mac(GUEST.mac), frame.subarray(12)),
        reaches,
      })),
    }),
  ]);
});
