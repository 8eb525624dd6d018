import test from 'ava';
import { releaseLease, startDhcp } from '../lab/dhcp-client.ts';
import { poll } from '../lab/poll.ts';
import { GATEWAY } from '../lab/segment.ts';
import { type DhcpServer, ping, serveDhcp } from '../lab/traffic.ts';
import { bringOnline, droppedFromGuests, startPlanned } from './guarded.ts';

const WEB = { ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41' };

/** Waits until the server has said, as often as that, that it got or sent a message. */
async function served(server: DhcpServer, message: string, times = 1): Promise<void> {
  const count = () => server.log().split(`${message}(eth0)`).length - 1;
  await poll(`${message}, ${times} times`, () => count() >= times, 10_000);
}

const DEAF = `table ip deaf {
  chain input { type filter hook input priority 0; ip daddr ${GATEWAY.ip} udp dport 67 counter drop; }
}`;

test('udhcpc: lease, with a probe of the address; renewal by unicast; release', async (t) => {
  const { lab, guests } = await startPlanned(t, {
    ip: `${WEB.ip} 192.0.2.51 203.0.113.0/24 ${WEB.ip6} 2001:db8:1::/64`,
  });
  const [web] = guests;
  await bringOnline(web);
  const server = await serveDhcp(lab);
  const client = await startDhcp(web, 'udhcpc');
  t.is(await client.event('bound', 10_000), WEB.ip);
  t.true(await ping(web, GATEWAY.ip));
  client.kill('SIGUSR1');
  t.is(await client.event('renew'), WEB.ip);
  client.kill('SIGUSR2');
  await served(server, 'DHCPRELEASE');
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('dhclient: lease, renewal by unicast, rebinding by broadcast when that is not heard, release', async (t) => {
  const { lab, guests } = await startPlanned(t, {});
  const [web] = guests;
  await bringOnline(web);
  const server = await serveDhcp(lab, { options: ['option:T1,2', 'option:T2,4'] });
  const client = await startDhcp(web, 'dhclient');
  t.is(await client.event('BOUND'), WEB.ip);
  t.is(await client.event('RENEW', 15_000), WEB.ip);
  await lab.gateway.namespace.run('nft', ['-f', '-'], { input: DEAF });
  // What is answered now was sent to everybody.
  const { length } = server.log();
  await poll('a rebinding', () => server.log().slice(length).includes('DHCPACK(eth0)'), 20_000);
  await lab.gateway.namespace.run('nft', ['delete', 'table', 'ip', 'deaf']);
  await releaseLease(web, 'dhclient');
  await served(server, 'DHCPRELEASE');
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('dhclient -6: lease, confirmation of an old lease, release', async (t) => {
  const { lab, guests } = await startPlanned(t, {});
  const [web] = guests;
  await bringOnline(web);
  await web.addressesSettled();
  const server = await serveDhcp(lab);
  const client = await startDhcp(web, 'dhclient -6');
  t.is(await client.event('BOUND6'), WEB.ip6);
  await web.addressesSettled();
  t.true(await ping(web, GATEWAY.ip6));
  await client.end();
  await startDhcp(web, 'dhclient -6');
  await served(server, 'DHCPCONFIRM');
  await releaseLease(web, 'dhclient -6');
  await served(server, 'DHCPRELEASE');
  t.deepEqual(await droppedFromGuests(lab), {});
});
