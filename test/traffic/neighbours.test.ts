import test from 'ava';
import { neighbourMac, neighbours } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { poll } from '../lab/poll.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { bringOnline, droppedFromGuests, guard, startGuarded, startPlanned } from './guarded.ts';

const WEB = { ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41' };
const NEW_MAC = '02:00:00:00:00:09';

/** Ways of duplicate address detection, as values of sysctls of eth0. */
const DETECTIONS = {
  'enhanced, with a nonce (RFC 7527)': { enhanced_dad: '1' },
  'without a nonce (RFC 4862)': { enhanced_dad: '0' },
  'optimistic (RFC 4429)': { optimistic_dad: '1', use_optimistic: '1' },
} as const;

async function setDetection({ namespace }: Guest, values: Readonly<Record<string, string>>): Promise<void> {
  const settings = ['all', 'eth0'].flatMap((place) =>
    Object.entries(values).map(([key, value]) => `net.ipv6.conf.${place}.${key}=${value}`),
  );
  await namespace.run('sysctl', ['-qw', ...settings]);
}

for (const [name, values] of Object.entries(DETECTIONS)) {
  test(`duplicate address detection, ${name}: finds a duplicate, and nothing where there is none`, async (t) => {
    const { lab, guests } = await startPlanned(t, {});
    const [web] = guests;
    await setDetection(web, values);
    await guard(web);
    t.true(await ping(web, GATEWAY.ip6));
    await web.namespace.ip(`addr del ${WEB.ip6}/64 dev eth0`);
    await lab.gateway.namespace.ip(`addr add ${WEB.ip6}/128 dev eth0 nodad`);
    await t.throwsAsync(web.configureAddresses(), { message: /duplicate address/ });
    t.deepEqual(await droppedFromGuests(lab), {});
  });
}

test('the guest defends its IPv6 address when another claims it', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  const { namespace } = lab.gateway;
  const keys = ['all', 'eth0'].map((place) => `net.ipv6.conf.${place}.accept_dad=1`);
  await namespace.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.dad_transmits=1', ...keys]);
  await namespace.ip(`addr add ${WEB.ip6}/64 dev eth0`);
  await poll('the failure of DAD at the gateway', async () =>
    (await namespace.run('ip', ['addr', 'show', 'dev', 'eth0'])).includes('dadfailed'),
  );
  t.true(await ping(web, GATEWAY.ip6));
});

test('address conflict detection (RFC 5227) finds a duplicate, and nothing where there is none', async (t) => {
  const { lab, guests } = await startPlanned(t, {});
  const [web] = guests;
  await bringOnline(web);
  const probe = (from: { readonly namespace: Guest['namespace'] }, address: string) =>
    from.namespace.try('arping', ['-D', '-q', '-c', '2', '-w', '2', '-I', 'eth0', address]);
  t.is((await probe(web, WEB.ip)).exitCode, 0, 'nobody has it');
  await lab.gateway.namespace.ip(`addr add ${WEB.ip}/32 dev eth0`);
  t.is((await probe(web, WEB.ip)).exitCode, 1, 'the gateway has it');
  await lab.gateway.namespace.ip(`addr del ${WEB.ip}/32 dev eth0`);
  await web.configureAddresses();
  t.is((await probe(lab.gateway, WEB.ip)).exitCode, 1, 'the guest defends it');
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('announcements are heard: the guest’s own after a migration, and those of a gateway that fails over', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  const gateway = lab.gateway.namespace;
  const announce = (
    { namespace }: { readonly namespace: Guest['namespace'] },
    how: string,
    address: string,
  ) => namespace.try('arping', [how, '-q', '-c', '1', '-w', '1', '-I', 'eth0', '-s', address, address]);
  const remember = (namespace: Guest['namespace'], address: string) =>
    namespace.ip(`neigh replace ${address} lladdr 02:00:00:00:00:77 nud stale dev eth0`);
  // Of the guest: by request, by reply, by unsolicited NA.
  await gateway.run('sysctl', ['-qw', 'net.ipv4.conf.eth0.arp_accept=1']);
  for (const how of ['-U', '-A']) {
    await remember(gateway, WEB.ip);
    await announce(web, how, WEB.ip);
    await poll(`arping ${how} at the gateway`, async () => (await neighbourMac(gateway, WEB.ip)) === web.mac);
  }
  await remember(gateway, WEB.ip6);
  await web.namespace.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.ndisc_notify=1']);
  await web.namespace.ip('link set eth0 down', 'link set eth0 up');
  await web.configureAddresses();
  await web.namespace.ip(`addr replace ${WEB.ip6}/64 dev eth0 nodad`);
  await poll('the unsolicited NA', async () => (await neighbourMac(gateway, WEB.ip6)) === web.mac);
  // Of the gateway, with a new MAC.
  t.true(await ping(web, GATEWAY.ip));
  t.true(await ping(web, GATEWAY.ip6));
  t.is(await neighbourMac(web.namespace, GATEWAY.ip), GATEWAY.mac);
  await gateway.run('sysctl', [
    '-qw',
    'net.ipv6.conf.eth0.ndisc_notify=1',
    'net.ipv4.conf.eth0.arp_notify=1',
  ]);
  await gateway.ip(`link set eth0 address ${NEW_MAC}`);
  await poll('the new MAC by ARP', async () => (await neighbourMac(web.namespace, GATEWAY.ip)) === NEW_MAC);
  await poll('the new MAC by NA', async () => (await neighbourMac(web.namespace, GATEWAY.ip6)) === NEW_MAC);
  t.true(await ping(web, GATEWAY.ip));
  t.true(await ping(web, GATEWAY.ip6));
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('neighbour entries stay reachable: unicast probes are answered, both ways', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  const ends = [
    { from: web.namespace, iface: 'eth0', to: GATEWAY },
    { from: lab.gateway.namespace, iface: 'eth0', to: WEB },
  ];
  for (const { from, to } of ends) {
    for (const address of [to.ip, to.ip6]) {
      t.true(await ping({ namespace: from }, address));
      await from.ip(`neigh change ${address} dev eth0 nud probe`);
      await poll(`an answer to a probe of ${address}`, async () => {
        const entry = (await neighbours(from)).find(({ dst }) => dst === address);
        if (entry?.state?.includes('FAILED')) throw new Error(`nobody answers for ${address}`);
        return entry?.state?.includes('REACHABLE');
      });
    }
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});
