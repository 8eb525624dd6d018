import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { startLab } from '../lab/lab.ts';
import { DOM0, GATEWAY, type Segment } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { observe } from '../lab/witness.ts';
import { datagram } from './attack.ts';
import { GUEST, guard, startCast } from './cast.ts';

// What dom0 does besides, such as routing and NAT, goes on as it should, and so does what is only bridged.

const BEYOND = { dom0: '2001:db8:9::2', gateway: '2001:db8:9::1' };

/** A second bridge, to which dom0 routes. */
async function startRouter(t: ExecutionContext, directives: string) {
  const options = { guest: { directives }, lab: { bridges: ['xenbr0', 'xenbr1'] } };
  const cast = await startCast(t, options);
  const { namespace } = cast.lab.dom0;
  const beyond = cast.lab.segment('xenbr1');
  await namespace.run('sysctl', ['-qw', 'net.ipv6.conf.all.forwarding=1']);
  await namespace.ip(`addr add ${BEYOND.dom0}/64 dev xenbr1 nodad`);
  await beyond.gateway.namespace.ip(
    `addr add ${BEYOND.gateway}/64 dev eth0 nodad`,
    `route add 2001:db8::/32 via ${BEYOND.dom0}`,
  );
  await guard(cast.guest);
  // Resolves the gateway's address.
  t.true(await ping({ namespace }, BEYOND.gateway));
  return { ...cast, beyond };
}

const mark = () => {
  const bytes = Buffer.from(f.marker());
  return { bytes, payload: f.udp({ srcPort: 9, dstPort: 9 }, bytes) };
};

/** The source address with which a datagram that dom0 routes arrives beyond. */
async function routedSource(
  guest: Guest,
  beyond: Segment,
  dst: string,
  mac = DOM0.mac,
): Promise<string | undefined> {
  const { bytes, payload } = mark();
  const frame = f.ethernet({ src: guest.mac, dst: mac }, f.ipv6({ src: GUEST.ip6, dst }, payload));
  const [seen = []] = await observe(() => guest.send(frame), [beyond.gateway]);
  const arrived = seen.map((other) => Buffer.from(other)).find((other) => other.includes(bytes));
  return arrived && f.toHex(arrived.subarray(22, 38));
}

const hex = (address: string) => f.toHex(f.ip(address));
/** The MAC of every vif in dom0 (libxl). */
const VIF_MAC = 'fe:ff:ff:ff:ff:ff';
const MASQUERADE = ['-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE'];

test('dom0’s NAT is for what dom0 routes, and not for what is bridged', async (t) => {
  const { lab, guest, beyond } = await startRouter(t, 'peers=open');
  await lab.dom0.namespace.run('ip6tables', MASQUERADE);
  t.is(await routedSource(guest, beyond, BEYOND.gateway), hex(BEYOND.dom0));
  t.is(
    await routedSource(guest, beyond, BEYOND.gateway, VIF_MAC),
    hex(BEYOND.dom0),
    'sent to the port itself',
  );
  const bridged = f.ethernet(
    { src: guest.mac, dst: GATEWAY.mac },
    f.ipv6({ src: GUEST.ip6, dst: GATEWAY.ip6 }, datagram(9, 9)()),
  );
  await t.notThrowsAsync(guest.expectArrives(bridged, { at: lab.gateway }));
});

test('what dom0 routes bears no marks of the guest: an isolated one reaches an isolated one elsewhere', async (t) => {
  const { lab, guest, beyond } = await startRouter(t, 'peers=isolated');
  t.is(await routedSource(guest, beyond, BEYOND.gateway), hex(GUEST.ip6));
  const other = await lab.guest({ domid: 3, name: 'other', bridge: 'xenbr1', ip: '2001:db8:9::43' });
  t.is((await other.online()).exitCode, 0);
  await other.namespace.ip(
    'addr add 2001:db8:9::43/64 dev eth0 nodad',
    `route add default via ${BEYOND.dom0}`,
  );
  await other.addressesSettled();
  t.true(await ping(lab.dom0, '2001:db8:9::43'));
  const { bytes, payload } = mark();
  const header = { src: GUEST.ip6, dst: '2001:db8:9::43' };
  const frame = f.ethernet({ src: guest.mac, dst: DOM0.mac }, f.ipv6(header, payload));
  const [seen = []] = await observe(() => guest.send(frame), [other]);
  t.true(seen.some((arrived) => Buffer.from(arrived).includes(bytes)));
});

test('a FORWARD policy of DROP, as Docker’s, does not stop what is bridged', async (t) => {
  const lab = await startLab(t);
  await lab.dom0.namespace.run('ip6tables', ['-P', 'FORWARD', 'DROP']);
  const guest = await lab.guest({ domid: 1, ip: `${GUEST.ip} ${GUEST.ip6}` });
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip6));
});
