import test from 'ava';
import type { Guest } from '../lab/guest.ts';
import { DOM0, DOM0_LINK_LOCAL, GATEWAY, GATEWAY_LINK_LOCAL } from '../lab/segment.ts';
import { ping, pingErrors, tcp, udp } from '../lab/traffic.ts';
import { droppedFromGuests, startGuarded } from './guarded.ts';
import { networkBehind } from './network-behind.ts';

const PEER = { ip: '192.0.2.42', ip6: '2001:db8:0:ffff::42' };
const WEB = { ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41' };
const WEB_LINK_LOCAL = 'fe80::216:3eff:fe00:100';
const PEER_LINK_LOCAL = 'fe80::216:3eff:fe00:200';

test('ping, TCP and UDP, whole and in fragments, both ways: the gateway, dom0 and a peer', async (t) => {
  const { lab, guests } = await startGuarded(t, { directives: 'peers=open' }, { directives: 'peers=open' });
  const [web, peer] = guests;
  const others = [
    { machine: lab.gateway, iface: 'eth0', linkLocal: GATEWAY_LINK_LOCAL, ...GATEWAY },
    { machine: lab.dom0, iface: 'xenbr0', linkLocal: DOM0_LINK_LOCAL, ...DOM0 },
    { machine: peer, iface: 'eth0', linkLocal: PEER_LINK_LOCAL, ...PEER },
  ];
  for (const { machine, iface, linkLocal, ip, ip6 } of others) {
    t.true(await ping(web, linkLocal, { via: 'eth0' }), `${linkLocal} from the guest`);
    t.true(await ping(machine, WEB_LINK_LOCAL, { via: iface }), `${linkLocal} to the guest`);
    for (const [from, to, address] of [
      [web, machine, ip],
      [web, machine, ip6],
      [machine, web, WEB.ip],
      [machine, web, WEB.ip6],
    ] as const) {
      const way = `${machine.name}, to ${address}`;
      t.true(await ping(from, address), `${way}: ping`);
      t.true(await ping(from, address, { size: 4000 }), `${way}: ping in fragments`);
      t.true(await tcp(from, to, address), `${way}: TCP`);
      t.true(await udp(from, to, address), `${way}: UDP`);
      t.true(await udp(from, to, address, { size: 8000 }), `${way}: UDP in fragments`);
    }
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

const BEHIND_GATEWAY = { ip: '198.51.100.2', ip6: '2001:db8:1::2' };
const BEHIND_GUEST = { ip: '203.0.113.2', ip6: '2001:db8:2::2' };

test('ICMP errors come through both ways: path MTU discovery, exceeded hop limits', async (t) => {
  const { lab, guests } = await startGuarded(t, {
    ip: `${WEB.ip} ${WEB.ip6} 203.0.113.0/24 2001:db8:2::/64`,
  });
  const [web] = guests;
  const gateway = lab.gateway.namespace;
  const far = await networkBehind(gateway, BEHIND_GATEWAY);
  const inner = await networkBehind(web.namespace, BEHIND_GUEST);
  t.teardown(() => Promise.all([far.stop(), inner.stop()]).then(() => undefined));
  await gateway.ip(`route add 203.0.113.0/24 via ${WEB.ip}`, `route add 2001:db8:2::/64 via ${WEB.ip6}`);

  const full = { count: 3, dontFragment: true };
  const errors4 = await pingErrors(web, BEHIND_GATEWAY.ip, { ...full, size: 1472 });
  t.true(errors4.includes(`From ${GATEWAY.ip}: Frag needed and DF set (mtu = 1400)`), errors4.join());
  const errors6 = await pingErrors(web, BEHIND_GATEWAY.ip6, { ...full, size: 1452 });
  t.true(errors6.includes(`From ${GATEWAY.ip6}: Packet too big: mtu=1400`), errors6.join());
  t.is(await pathMtu(web, BEHIND_GATEWAY.ip), 1400);
  t.is(await pathMtu(web, BEHIND_GATEWAY.ip6), 1400);

  // In the other direction the guest is the router that complains.
  const outside = { namespace: gateway };
  const inward4 = await pingErrors(outside, BEHIND_GUEST.ip, { ...full, size: 1472 });
  t.true(inward4.includes(`From ${WEB.ip}: Frag needed and DF set (mtu = 1400)`), inward4.join());
  const inward6 = await pingErrors(outside, BEHIND_GUEST.ip6, { ...full, size: 1452 });
  t.true(inward6.includes(`From ${WEB.ip6}: Packet too big: mtu=1400`), inward6.join());

  const oneHop = { ttl: 1, count: 1 };
  t.deepEqual(await pingErrors(web, BEHIND_GATEWAY.ip, oneHop), [
    `From ${GATEWAY.ip}: Time to live exceeded`,
  ]);
  t.deepEqual(await pingErrors(web, BEHIND_GATEWAY.ip6, oneHop), [
    `From ${GATEWAY.ip6}: Time exceeded: Hop limit`,
  ]);
  t.deepEqual(await pingErrors(outside, BEHIND_GUEST.ip, oneHop), [`From ${WEB.ip}: Time to live exceeded`]);
  t.deepEqual(await pingErrors(outside, BEHIND_GUEST.ip6, oneHop), [
    `From ${WEB.ip6}: Time exceeded: Hop limit`,
  ]);

  // From inside the prefixes, through the guest, to the other end.
  for (const address of [BEHIND_GATEWAY.ip, BEHIND_GATEWAY.ip6]) {
    t.true(await ping({ namespace: inner }, address, { size: 4000 }), `fragments to ${address}`);
    t.true(await tcp({ namespace: inner }, { namespace: far }, address), `TCP to ${address}`);
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

async function pathMtu({ namespace }: Guest, address: string): Promise<number | undefined> {
  const [route]: { metrics?: { mtu?: number }[] }[] = JSON.parse(
    await namespace.run('ip', ['-j', 'route', 'get', address]),
  );
  return route?.metrics?.[0]?.mtu;
}

test('addresses within a listed prefix work, those outside do not', async (t) => {
  const { lab, guests } = await startGuarded(t, { ip: '192.0.2.64/26 2001:db8:0:ffff:8000::/65' });
  const [web] = guests;
  const inside = ['192.0.2.65', '192.0.2.126', '2001:db8:0:ffff:8000::9', '2001:db8:0:ffff:ffff::1'];
  const outside = ['192.0.2.63', '192.0.2.128', '2001:db8:0:ffff:7fff::1'];
  const masked = (address: string) => `${address}/${address.includes(':') ? 64 : 24}`;
  await web.namespace.ip(
    ...[...inside, ...outside].map((address) => `addr replace ${masked(address)} dev eth0`),
  );
  await web.addressesSettled();
  for (const [addresses, works] of [
    [inside, true],
    [outside, false],
  ] as const) {
    for (const via of addresses) {
      const gateway = via.includes(':') ? GATEWAY.ip6 : GATEWAY.ip;
      t.is(await ping(web, gateway, { via, count: 1 }), works, `from ${via}`);
      t.is(await ping(lab.gateway, via, { count: 1 }), works, `to ${via}`);
    }
  }
});
