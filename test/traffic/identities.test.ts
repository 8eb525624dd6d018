import test from 'ava';
import { eui64LinkLocal, formatPrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import * as f from '../frames/index.ts';
import { neighbourMac } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { Namespace } from '../lab/netns.ts';
import { poll } from '../lab/poll.ts';
import { DOM0, GATEWAY, GATEWAY_LINK_LOCAL } from '../lab/segment.ts';
import { ping, tcp, udp } from '../lab/traffic.ts';
import { among, observe } from '../lab/witness.ts';
import { droppedFromGuests, startGuarded } from './guarded.ts';

const STRANGE = { ip: '192.0.2.77', ip6: '2001:db8:0:ffff::77', linkLocal: 'fe80::77' };

async function addStrangeAddresses(guest: Guest): Promise<void> {
  const { ip, ip6, linkLocal } = STRANGE;
  const addresses = [`${ip}/24`, `${ip6}/64`, `${linkLocal}/64`];
  await guest.namespace.ip(...addresses.map((address) => `addr add ${address} dev eth0`));
  await guest.addressesSettled();
}

/** Which of the addresses that no vif spec names carry a ping. */
async function strangeAddressesThatWork(guest: Guest): Promise<string[]> {
  const { ip, ip6, linkLocal } = STRANGE;
  const works = [
    await ping(guest, GATEWAY.ip, { via: ip, count: 1 }),
    await ping(guest, GATEWAY.ip6, { via: ip6, count: 1 }),
    await ping(guest, GATEWAY_LINK_LOCAL, { via: `${linkLocal}%eth0`, count: 1 }),
  ];
  return [ip, ip6, linkLocal].filter((_, index) => works[index]);
}

const { ip, ip6, linkLocal } = STRANGE;
const CASES = [
  { name: 'a locked guest has none but its own', plan: {}, works: [] },
  {
    name: 'ip=any: every address but a foreign link-local one',
    plan: { ip: 'any' },
    works: [ip, ip6],
  },
  { name: 'link-local=any', plan: { directives: 'link-local=any' }, works: [linkLocal] },
  {
    name: 'link-local=listed',
    plan: { directives: 'link-local=listed', ip: `2001:db8:0:ffff::41 ${linkLocal} fe80::216:3eff:fe00:100` },
    works: [linkLocal],
  },
  { name: 'mode=unlocked', plan: { directives: 'mode=unlocked' }, works: [ip, ip6, linkLocal] },
];

for (const { name, plan, works } of CASES) {
  test(`addresses: ${name}`, async (t) => {
    const { guests } = await startGuarded(t, plan);
    const [web] = guests;
    await addStrangeAddresses(web);
    t.deepEqual(await strangeAddressesThatWork(web), works);
  });
}

test('VLAN tags: an unlocked guest’s pass, and those for it; a locked guest’s do not', async (t) => {
  const { lab, guests } = await startGuarded(t, { directives: 'mode=unlocked' }, {});
  const tagged = (src: string) =>
    f.ethernet(
      { src, dst: f.BROADCAST, tags: [{ id: 5 }] },
      f.ipv4({ src: '198.51.100.1', dst: '255.255.255.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker())),
    );
  const [unlocked, locked] = guests;
  t.deepEqual(await unlocked.arrivals([tagged(unlocked.mac)], [lab.gateway]), [[true]]);
  t.deepEqual(await locked.arrivals([tagged(locked.mac)], [lab.gateway]), [[false]]);
  const frame = tagged(GATEWAY.mac);
  const seen = await observe(() => lab.gateway.nic.send(frame), guests);
  t.deepEqual(
    seen.map((frames) => among(frames)(frame)),
    [true, false],
  );
});

const CONTAINER = { mac: '00:16:3e:00:99:01', ip: '192.0.2.99', ip6: '2001:db8:0:ffff::99' };

test('a container in the guest has a MAC and addresses of its own', async (t) => {
  const { lab, guests } = await startGuarded(t, {
    ip: `192.0.2.41 2001:db8:0:ffff::41 ${CONTAINER.ip} ${CONTAINER.ip6}`,
    directives: `mac=${CONTAINER.mac}`,
  });
  const [web] = guests;
  const namespace = await Namespace.start('a container of web1');
  t.teardown(() => namespace.stop());
  const macvlan = `link add link eth0 name inner address ${CONTAINER.mac} netns ${namespace.pid}`;
  await web.namespace.ip(`${macvlan} type macvlan mode bridge`);
  await namespace.ip(
    'link set inner up',
    `addr add ${CONTAINER.ip}/24 dev inner`,
    `addr add ${CONTAINER.ip6}/64 dev inner nodad`,
  );
  const linkLocal = formatPrefix(eui64LinkLocal(parseMac(CONTAINER.mac)));
  for (const [mine, theirs] of [
    [CONTAINER.ip, GATEWAY.ip],
    [CONTAINER.ip6, GATEWAY.ip6],
  ] as const) {
    t.true(await ping({ namespace }, theirs), `container to ${theirs}`);
    t.true(await ping(lab.gateway, mine), `gateway to ${mine}`);
    t.is(await neighbourMac(lab.gateway.namespace, mine), CONTAINER.mac);
  }
  await poll('a link-local address of the container', () => ping(lab.gateway, linkLocal, { via: 'eth0' }));
  t.true(await ping(web, GATEWAY.ip));
  t.true(await ping(web, GATEWAY.ip6));
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('dom0=icmp keeps pings to dom0, and everything to others', async (t) => {
  const { lab, guests } = await startGuarded(t, { directives: 'dom0=icmp' });
  const [web] = guests;
  for (const address of [DOM0.ip, DOM0.ip6]) {
    t.true(await ping(web, address, { size: 4000 }), address);
    t.true(await ping(lab.dom0, web.addresses[address.includes(':') ? 'ip6' : 'ip'] ?? ''));
  }
  t.true(await tcp(web, lab.gateway, GATEWAY.ip));
  t.true(await tcp(web, lab.gateway, GATEWAY.ip6));
  t.false(await tcp(web, lab.dom0, DOM0.ip));
});

test('a client may have Babel’s port, which is one of those that address translators choose', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  for (const address of ['192.0.2.41', '2001:db8:0:ffff::41']) {
    t.true(await udp(lab.gateway, web, address, { sourcePort: 6696 }), address);
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});
