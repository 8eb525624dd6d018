import test from 'ava';
import { addresses, routes } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { poll } from '../lab/poll.ts';
import { GATEWAY_LINK_LOCAL } from '../lab/segment.ts';
import { discoverRouter, ping, serveDhcp } from '../lab/traffic.ts';
import { bringOnline, droppedFromGuests, startPlanned } from './guarded.ts';
import { networkBehind } from './network-behind.ts';

const FAR = { ip: '198.51.100.2', ip6: '2001:db8:1::2' };

test('a router advertisement gives the guest its route, a solicitation is answered', async (t) => {
  const { lab, guests } = await startPlanned(t, {});
  const [web] = guests;
  await serveDhcp(lab);
  await bringOnline(web);
  await web.namespace.ip('addr add 2001:db8:0:ffff::41/64 dev eth0');
  await web.addressesSettled();
  t.true(await discoverRouter(web));
  await poll('the default route', () => hasDefaultRoute(web));
  const far = await networkBehind(lab.gateway.namespace, FAR);
  t.teardown(() => far.stop());
  t.true(await ping(web, FAR.ip6));
  t.deepEqual(await droppedFromGuests(lab), {});
});

async function hasDefaultRoute({ namespace }: Guest): Promise<boolean> {
  return (await routes(namespace)).some(
    ({ dst, gateway, protocol }) => dst === 'default' && gateway === GATEWAY_LINK_LOCAL && protocol === 'ra',
  );
}

test('addresses that the guest makes itself, temporary ones too, work when their prefix is listed', async (t) => {
  const { lab, guests } = await startPlanned(t, { ip: '2001:db8:0:ffff::/64' });
  const [web] = guests;
  await web.namespace.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.use_tempaddr=2']);
  await serveDhcp(lab, { slaac: true });
  await bringOnline(web);
  const own = await poll('two addresses', async () => {
    const all = await addresses(web.namespace, 'eth0');
    const global = all.filter((address) => address.startsWith('2001:db8:0:ffff:'));
    return global.length >= 2 ? global : undefined;
  });
  await web.addressesSettled();
  for (const address of own) {
    const via = address.replace('/64', '');
    t.true(await ping(web, '2001:db8:0:ffff::1', { via }), `from ${via}`);
    t.true(await ping(lab.gateway, via), `to ${via}`);
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('a second address of each family works', async (t) => {
  const more = ['192.0.2.51', '2001:db8:0:ffff::51'];
  const { lab, guests } = await startPlanned(t, { ip: `192.0.2.41 2001:db8:0:ffff::41 ${more.join(' ')}` });
  const [web] = guests;
  await bringOnline(web);
  await web.configureAddresses();
  await web.namespace.ip('addr add 192.0.2.51/24 dev eth0', 'addr add 2001:db8:0:ffff::51/64 dev eth0');
  await web.addressesSettled();
  for (const via of more) {
    t.true(await ping(lab.gateway, via), `to ${via}`);
    t.true(await ping(web, via.includes(':') ? '2001:db8:0:ffff::1' : '192.0.2.1', { via }), `from ${via}`);
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});
