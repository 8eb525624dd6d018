import test from 'ava';
import * as f from '../frames/index.ts';
import { dhcp } from '../lab/dhcp-client.ts';
import { fdb, neighbourMac, routes } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import type { Namespace } from '../lab/netns.ts';
import { poll } from '../lab/poll.ts';
import { ping, serveDhcp, tcp } from '../lab/traffic.ts';
import { droppedFromGuests, startGuarded } from './guarded.ts';
import { networkBehind } from './network-behind.ts';

const ROUTER_LINK_LOCAL = 'fe80::216:3eff:fe00:100';
const BEHIND_ROUTER = { ip: '203.0.113.2', ip6: '2001:db8:2::2' };

test('a guest with the role router advertises itself, to a peer and to the gateway, and routes', async (t) => {
  const { lab, guests } = await startGuarded(
    t,
    {
      ip: '192.0.2.41 2001:db8:0:ffff::41 203.0.113.0/24 2001:db8:2::/64',
      directives: 'peers=open,role=router',
    },
    { directives: 'peers=open' },
  );
  const [router, peer] = guests;
  const hidden = await networkBehind(router.namespace, BEHIND_ROUTER);
  t.teardown(() => hidden.stop());
  await peer.namespace.ip('route del default via 2001:db8:0:ffff::1');
  await peer.namespace.ip('route add 203.0.113.0/24 via 192.0.2.41');
  const advertisement = f.routerAdvertisement({ lifetime: 1800 }, f.sourceLinkLayer(router.mac));
  const header = { src: ROUTER_LINK_LOCAL, dst: 'ff02::1', hopLimit: 255 };
  await router.send(
    f.ethernet({ src: router.mac, dst: f.multicastMac('ff02::1') }, f.ipv6(header, advertisement)),
  );
  for (const { name, namespace } of [peer, lab.gateway]) {
    await poll(`a route of ${name}`, async () =>
      (await routes(namespace)).some(
        ({ dst, gateway }) => dst === 'default' && gateway === ROUTER_LINK_LOCAL,
      ),
    );
  }
  for (const address of [BEHIND_ROUTER.ip, BEHIND_ROUTER.ip6]) {
    t.true(await ping(peer, address), address);
    t.true(await tcp(peer, { namespace: hidden }, address), `TCP to ${address}`);
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('a guest with the role dhcp-server serves a peer, one without does not', async (t) => {
  const { lab, guests } = await startGuarded(
    t,
    { directives: 'peers=open' },
    { directives: 'peers=open,role=router dhcp-server' },
    { directives: 'peers=open' },
  );
  const [client, server, rogue] = guests;
  await client.namespace.ip('addr flush dev eth0 scope global');
  await serveDhcp(lab, { server: rogue });
  t.is(await dhcp(client, 'udhcpc'), undefined);
  t.is(await dhcp(client, 'dhclient -6'), undefined);
  await serveDhcp(lab, { server });
  t.is(await dhcp(client, 'udhcpc'), '192.0.2.41');
  t.is(await dhcp(client, 'dhclient'), '192.0.2.41');
  t.is(await dhcp(client, 'dhclient -6'), '2001:db8:0:ffff::41');
});

const VIRTUAL = [
  { address: '192.0.2.100', mac: '00:00:5e:00:01:33' },
  { address: '2001:db8:0:ffff::100', mac: '00:00:5e:00:02:33' },
] as const;

/** Makes a guest the master, as keepalived does with use_vmac. */
async function becomeMaster(guest: Guest): Promise<void> {
  const { namespace } = guest;
  await namespace.run('sysctl', [
    '-qw',
    'net.ipv4.conf.all.arp_ignore=1',
    'net.ipv4.conf.all.arp_announce=2',
  ]);
  for (const [index, { address, mac }] of VIRTUAL.entries()) {
    const link = `vrrp${index}`;
    await namespace.ip(
      `link add ${link} link eth0 address ${mac} type macvlan mode private`,
      `link set ${link} addrgenmode none up`,
      `addr add ${address}/${address.includes(':') ? '128 nodad' : '32'} dev ${link}`,
    );
  }
  const { ip = '' } = guest.addresses;
  await guest.send(
    f.ethernet(
      { src: VIRTUAL[0].mac, dst: f.multicastMac(f.VRRP_GROUP) },
      f.ipv4({ src: ip, dst: f.VRRP_GROUP, ttl: 255 }, f.vrrp({ id: 51, addresses: [VIRTUAL[0].address] })),
    ),
    f.ethernet(
      { src: VIRTUAL[0].mac, dst: f.BROADCAST },
      f.arp({
        op: f.ARP_REQUEST,
        senderMac: VIRTUAL[0].mac,
        senderIp: VIRTUAL[0].address,
        targetIp: VIRTUAL[0].address,
      }),
    ),
    f.ethernet(
      { src: VIRTUAL[1].mac, dst: f.multicastMac('ff02::1') },
      f.ipv6(
        { src: VIRTUAL[1].address, dst: 'ff02::1', hopLimit: 255 },
        f.neighborAdvertisement(
          { target: VIRTUAL[1].address, override: true, router: true },
          f.targetLinkLayer(VIRTUAL[1].mac),
        ),
      ),
    ),
  );
}

async function resign({ namespace }: Guest): Promise<void> {
  await namespace.ip('link del vrrp0', 'link del vrrp1');
}

/** The ports at which the bridge has the virtual MACs. */
async function virtualPorts({ dom0 }: Lab): Promise<string[]> {
  const entries = await fdb(dom0.namespace);
  return VIRTUAL.map(({ mac }) => entries.find((entry) => entry.mac === mac)?.ifname ?? 'none');
}

test('a virtual router: its master answers with the virtual MACs, and another takes over', async (t) => {
  const directives = `peers=open,vrrp=51 ${VIRTUAL.map(({ address }) => address).join(' ')}`;
  const { lab, guests } = await startGuarded(t, { directives }, { directives });
  const [first, second] = guests;
  const gateway: Namespace = lab.gateway.namespace;
  const served = async (by: string) => {
    for (const { address, mac } of VIRTUAL) {
      t.true(await ping(lab.gateway, address), `${address} of ${by}`);
      t.is(await neighbourMac(gateway, address), mac);
    }
    t.deepEqual(await virtualPorts(lab), [by, by]);
  };
  const capture = await lab.gateway.capture();
  const advert = ({ addresses }: Guest, cursor: number) => {
    const source = Buffer.from(f.ip(addresses.ip ?? ''));
    return capture.waitFor((frame) => frame[23] === 112 && source.equals(frame.subarray(26, 30)), cursor);
  };
  let { cursor } = capture;
  await becomeMaster(first);
  await t.notThrowsAsync(advert(first, cursor));
  await served('vif1.0');
  await resign(first);
  ({ cursor } = capture);
  await becomeMaster(second);
  await t.notThrowsAsync(advert(second, cursor));
  await served('vif2.0');
  t.deepEqual(await droppedFromGuests(lab), {});
});
