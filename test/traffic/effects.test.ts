import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import { addresses, type FdbEntry, fdb, neighbours, routes } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import type { Namespace } from '../lab/netns.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { observe } from '../lab/witness.ts';
import { guard, startPlanned } from './guarded.ts';

const HOSTILE = { ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41', linkLocal: 'fe80::216:3eff:fe00:100' };
const PEER = { ip: '192.0.2.42', ip6: '2001:db8:0:ffff::42' };
const ALL_NODES = 'ff02::1';
const FORGED_MACS = 500;

/** What a hostile session can have changed. */
interface Effects {
  /** Who is where, by link-layer address. */
  readonly neighbours: Record<string, string[]>;
  readonly routes: Record<string, string[]>;
  readonly addresses: Record<string, string[]>;
  readonly fdb: string[];
  readonly groups: string[];
  readonly routerPorts: string[];
}

async function readEffects(lab: Lab, peer: Guest): Promise<Effects> {
  const machines = { gateway: lab.gateway.namespace, dom0: lab.dom0.namespace, peer: peer.namespace };
  const each = async (read: (namespace: Namespace) => Promise<string[]>) => {
    const entries = Object.entries(machines).map(async ([name, namespace]) => [
      name,
      (await read(namespace)).sort(),
    ]);
    return Object.fromEntries(await Promise.all(entries));
  };
  const [mdb] = JSON.parse(await lab.dom0.namespace.run('bridge', ['-d', '-j', 'mdb', 'show']));
  const groups: { port: string; grp: string }[] = mdb.mdb;
  const routers: { port: string }[] = mdb.router.xenbr0 ?? [];
  return {
    neighbours: await each(async (namespace) =>
      (await neighbours(namespace))
        .filter(({ lladdr }) => lladdr !== undefined && !/^(33:33|01:00:5e|ff:ff|00:00:00:00)/.test(lladdr))
        .map(({ dst, lladdr, router }) => `${dst} ${lladdr}${router === null ? ' router' : ''}`),
    ),
    routes: await each(async (namespace) =>
      (await routes(namespace)).map(({ dst, gateway, protocol }) => `${dst} ${gateway} ${protocol}`),
    ),
    addresses: await each(async (namespace) =>
      addresses(namespace, namespace === lab.dom0.namespace ? 'xenbr0' : 'eth0'),
    ),
    fdb: (await fdb(lab.dom0.namespace))
      .filter(isStation)
      .map(({ mac, ifname }) => `${mac} ${ifname}`)
      .sort(),
    groups: groups
      .filter(({ port }) => port === 'vif1.0')
      .map(({ grp }) => grp)
      .sort(),
    routerPorts: routers.map(({ port }) => port).sort(),
  };
}

function isStation({ master, flags }: FdbEntry): boolean {
  return master === 'xenbr0' && !flags?.includes('self');
}

/** Frames that leave a trace where they are believed. */
function hostileSession({ mac }: Guest): readonly f.Bytes[] {
  const { ip, ip6, linkLocal } = HOSTILE;
  const toAll = { src: mac, dst: f.multicastMac(ALL_NODES) };
  const broadcast = { src: mac, dst: f.BROADCAST };
  const nd = (src: string, payload: f.TransportLayer) =>
    f.ethernet(toAll, f.ipv6({ src, dst: ALL_NODES, hopLimit: 255 }, payload));
  const poison = (senderIp: string, targetIp: string) =>
    f.ethernet(broadcast, f.arp({ op: f.ARP_REQUEST, senderMac: mac, senderIp, targetIp }));
  const victims = [
    { name: GATEWAY, knows: [DOM0, PEER] },
    { name: DOM0, knows: [GATEWAY, PEER] },
    { name: PEER, knows: [GATEWAY, DOM0] },
  ];
  return [
    ...victims.flatMap(({ name, knows }) => knows.map(({ ip: other }) => poison(name.ip, other))),
    ...victims.map(({ name }) =>
      nd(
        ip6,
        f.neighborAdvertisement({ target: name.ip6, override: true, router: true }, f.targetLinkLayer(mac)),
      ),
    ),
    nd(
      linkLocal,
      f.routerAdvertisement(
        { lifetime: 1800 },
        f.sourceLinkLayer(mac),
        f.prefixInformation({ prefix: '2001:db8:bad::' }),
      ),
    ),
    f.ethernet(
      { src: mac, dst: f.multicastMac('224.0.0.1') },
      f.ipv4({ src: ip, dst: '224.0.0.1', ttl: 1 }, f.igmpv3Query()),
    ),
    f.ethernet(
      toAll,
      f.ipv6(
        { src: linkLocal, dst: ALL_NODES, hopLimit: 1, extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)] },
        f.mldv2Query(),
      ),
    ),
    f.ethernet(
      { src: mac, dst: f.multicastMac(f.PIM_GROUP) },
      f.ipv4({ src: ip, dst: f.PIM_GROUP, ttl: 1 }, f.pim()),
    ),
    f.ethernet(
      { src: '00:16:3e:66:66:66', dst: f.multicastMac('239.6.6.6') },
      f.ipv4({ src: ip, dst: '239.6.6.6', ttl: 1 }, f.igmpReport('239.6.6.6')),
    ),
    ...Array.from({ length: FORGED_MACS }, (_, n) => {
      const octets = [n >> 8, n & 0xff].map((octet) => octet.toString(16).padStart(2, '0'));
      return f.ethernet(
        { src: `02:66:66:66:${octets.join(':')}`, dst: f.BROADCAST },
        f.ipv4({ src: ip, dst: '255.255.255.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker())),
      );
    }),
  ];
}

/** What a session changes, having found everybody in good order. */
async function sessionOf(t: ExecutionContext, prepare: (guest: Guest) => Promise<void>) {
  const { lab, guests } = await startPlanned(t, { directives: 'peers=open' }, { directives: 'peers=open' });
  const [hostile, peer] = guests;
  for (const guest of guests) await prepare(guest);
  for (const guest of guests) await guest.configureAddresses();
  // Everybody knows everybody.
  for (const machine of [peer, lab.gateway, lab.dom0]) {
    for (const { ip, ip6 } of [GATEWAY, DOM0, PEER, HOSTILE]) {
      await ping(machine, ip, { count: 1 });
      await ping(machine, ip6, { count: 1 });
    }
  }
  const before = await readEffects(lab, peer);
  await observe(() => hostile.send(...hostileSession(hostile)), [lab.gateway, lab.dom0, peer]);
  return { before, after: await readEffects(lab, peer) };
}

test('a hostile session changes nothing where its port is guarded', async (t) => {
  const { before, after } = await sessionOf(t, guard);
  t.deepEqual(after, before);
});

test('the same session has all its effects where it is not', async (t) => {
  const { before, after } = await sessionOf(t, (guest) => guest.onlineUnguarded());
  for (const machine of ['gateway', 'dom0', 'peer']) {
    t.notDeepEqual(after.neighbours[machine], before.neighbours[machine], `neighbours of ${machine}`);
  }
  for (const machine of ['gateway', 'peer']) {
    t.notDeepEqual(after.routes[machine], before.routes[machine], `routes of ${machine}`);
    t.notDeepEqual(after.addresses[machine], before.addresses[machine], `addresses of ${machine}`);
  }
  t.true(after.fdb.length >= before.fdb.length + FORGED_MACS, 'FDB');
  t.true(after.groups.includes('239.6.6.6'), 'mdb');
  t.true(after.routerPorts.includes('vif1.0'), 'router ports');
  t.deepEqual(before.routerPorts, []);
});
