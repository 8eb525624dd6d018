import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import { type FdbEntry, fdb } from '../lab/effects.ts';
import type { Lab } from '../lab/lab.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { because, harmless4, harmless6, ipv4Shots, ipv6Shots, named, ofReason, type Shot } from './attack.ts';
import { bridgeAlone, type Cast, filterAlone, GUEST, guard, NEIGHBOUR, STRANGER, startCast } from './cast.ts';
import { LAWFUL, lawfulArp, lawfulIpv4, lawfulIpv6 } from './catalogue/lawful.ts';
import { LINK_ATTACKS } from './catalogue/link.ts';
import { FOR_GUEST } from './catalogue/to-guest.ts';
import { expectAllowed, expectDrops, proveAttacks } from './prove.ts';

const macSpoofing = ofReason('mac-spoof', LINK_ATTACKS);
const asKernel = (attacks: typeof macSpoofing) =>
  attacks.map((attack) => ({ ...attack, reason: 'kernel' as const }));

// The packet filter, when a part of it is gone.

async function guardedCast(t: ExecutionContext): Promise<Cast> {
  const cast = await startCast(t, { lab: { backend: 'xtables' } });
  await cast.neighbour.onlineUnguarded();
  await guard(cast.guest);
  return cast;
}

const ownIpv6 = lawfulIpv6(GUEST);
/** What only ip6tables judges. */
const judgedByIp6tables = () => [
  ...named(because('unfiltered', ownIpv6), /^NS/, /^NA/, /^RS/, /^DAD/),
  ...because('unfiltered', { 'from link-local': ipv6Shots(harmless6(), { src: GUEST.linkLocal }) }),
];

test('ebtables’ nat table is flushed: nothing passes', async (t) => {
  const cast = await guardedCast(t);
  await cast.lab.dom0.namespace.run('ebtables', ['-t', 'nat', '-F']);
  await expectDrops(
    t,
    cast,
    because('unfiltered', { ...lawfulArp(GUEST), ...lawfulIpv4(GUEST), ...ownIpv6 }),
  );
});

test('ip6tables’ raw table is flushed: nothing passes that it should have judged', async (t) => {
  const cast = await guardedCast(t);
  await cast.lab.dom0.namespace.run('ip6tables', ['-t', 'raw', '-F']);
  await expectDrops(t, cast, judgedByIp6tables());
});

test('the bridge no longer calls ip6tables: nothing passes that it should have judged', async (t) => {
  const cast = await guardedCast(t);
  await cast.lab.dom0.namespace.ip('link set xenbr0 type bridge nf_call_ip6tables 0');
  await expectDrops(t, cast, judgedByIp6tables());
});

// The bridge, when the packet filter is gone.

test('the bridge alone: a MAC that is not the guest’s', proveAttacks, asKernel(macSpoofing), {
  prepare: bridgeAlone,
});

test('the bridge alone: the guest’s own frames pass, and what is for it arrives', async (t) => {
  const cast = await guardedCast(t);
  await bridgeAlone(cast);
  await expectAllowed(t, cast, LAWFUL);
  await expectAllowed(t, cast, FOR_GUEST);
});

/** Forged, with everything that a bridge learns from: what it forwards, and what it only looks at. */
const learnable = (n: number, dst: string) =>
  f.ethernet(
    { src: `02:66:66:66:66:${n.toString(16).padStart(2, '0')}`, dst },
    f.ipv4({ src: GUEST.ip, dst: GATEWAY.ip }, harmless4()),
  );
const FORGED = [
  ...[GATEWAY.mac, DOM0.mac, f.BROADCAST, '01:00:5e:00:00:01', STRANGER.mac],
  ...Array.from({ length: 16 }, (_, last) => `01:80:c2:00:00:0${last.toString(16)}`),
].map((dst, n) => learnable(n, dst));

const entriesOf = async (lab: Lab): Promise<readonly FdbEntry[]> =>
  (await fdb(lab.dom0.namespace)).filter(
    ({ ifname, mac, state }) => ifname === 'vif1.0' && state !== 'permanent' && /^(00:16|02:66)/.test(mac),
  );

test('forged sources do not get into the forwarding database, with the filter or without', async (t) => {
  const cast = await startCast(t);
  await cast.guest.onlineUnguarded();
  await cast.guest.arrivals(FORGED, [cast.lab.gateway, cast.lab.dom0]);
  t.true((await entriesOf(cast.lab)).length > 10, 'learned unguarded');
  await guard(cast.guest);
  const own = [{ mac: GUEST.mac, state: 'static' }];
  const learned = async () => (await entriesOf(cast.lab)).map(({ mac, state }) => ({ mac, state }));
  t.deepEqual(await learned(), own);
  for (const prepare of [async () => undefined, bridgeAlone]) {
    await prepare(cast);
    await cast.guest.arrivals(FORGED, [cast.lab.gateway, cast.lab.dom0]);
    t.deepEqual(await learned(), own);
  }
});

test('what a port has learned while its flags were off is forgotten when it comes online again', async (t) => {
  const cast = await guardedCast(t);
  const { lab, guest } = cast;
  const forged = () => ({ forged: macSpoofing[0]?.shots.slice(0, 1) ?? [] });
  await filterAlone(cast);
  await bridgeAlone(cast);
  await expectAllowed(t, cast, forged());
  t.is((await guest.online()).exitCode, 0);
  await bridgeAlone(cast);
  t.deepEqual(
    (await entriesOf(lab)).map(({ mac }) => mac),
    [GUEST.mac],
  );
  await expectDrops(t, cast, because('kernel', forged()));
});

// Isolation, by each of the two.

const ISOLATED = { directives: 'peers=isolated' };
const toNeighbour: Readonly<Record<string, readonly Shot[]>> = {
  IPv4: unicast(f.ipv4({ src: GUEST.ip, dst: NEIGHBOUR.ip }, harmless4())),
  IPv6: unicast(f.ipv6({ src: GUEST.ip6, dst: NEIGHBOUR.ip6 }, harmless6())),
  ARP: unicast(
    f.arp({
      op: f.ARP_REPLY,
      senderMac: GUEST.mac,
      senderIp: GUEST.ip,
      targetMac: NEIGHBOUR.mac,
      targetIp: NEIGHBOUR.ip,
    }),
  ),
  NA: unicast(
    f.ipv6(
      { src: GUEST.ip6, dst: NEIGHBOUR.ip6, hopLimit: 255 },
      f.neighborAdvertisement({ target: GUEST.ip6 }, f.targetLinkLayer(GUEST.mac)),
    ),
  ),
};

function unicast(payload: f.NetworkLayer): readonly Shot[] {
  return [{ frame: f.ethernet({ src: GUEST.mac, dst: NEIGHBOUR.mac }, payload), reaches: ['neighbour'] }];
}

const isolatedCast = async (t: ExecutionContext, options: Parameters<typeof startCast>[1]): Promise<Cast> => {
  const cast = await startCast(t, options);
  await guard(cast.guest);
  await guard(cast.neighbour);
  return cast;
};

async function expectGroupsElsewhere(t: ExecutionContext, { lab, guest, neighbour }: Cast): Promise<void> {
  const shots = [...ipv4Shots(harmless4()), ...ipv6Shots(harmless6())].filter(
    ({ reaches }) => reaches.length > 1,
  );
  const frames = shots.map(({ frame }) => frame);
  const all = frames.map(() => true);
  const none = frames.map(() => false);
  t.deepEqual(await guest.arrivals(frames, [lab.gateway, lab.dom0, neighbour]), [all, all, none]);
}

test('peers=open: guests reach each other', async (t) => {
  const cast = await isolatedCast(t, {});
  await expectAllowed(t, cast, toNeighbour);
});

test('one of two is isolated: they reach each other', async (t) => {
  const cast = await isolatedCast(t, { guest: ISOLATED });
  await expectAllowed(t, cast, toNeighbour);
});

test('peers=isolated, by the filter alone', async (t) => {
  const cast = await isolatedCast(t, { guest: ISOLATED, neighbour: ISOLATED });
  await filterAlone(cast);
  await filterAlone({ lab: cast.lab, guest: cast.neighbour });
  await expectDrops(t, cast, because('isolated', toNeighbour), 'to');
  await expectGroupsElsewhere(t, cast);
});

test('peers=isolated, by the bridge alone', async (t) => {
  const cast = await isolatedCast(t, { guest: ISOLATED, neighbour: ISOLATED });
  await bridgeAlone(cast);
  await expectDrops(t, cast, because('kernel', toNeighbour));
  await expectGroupsElsewhere(t, cast);
});

// What else the bridge would believe a guest.

/** The number of the port that leads to the root of the spanning tree; 0 at the root itself. */
const rootPort = async (lab: Lab) =>
  / root_port (\d+) /.exec(await lab.dom0.namespace.run('ip', ['-d', 'link', 'show', 'xenbr0']))?.[1];
const portOf = async (lab: Lab) => lab.dom0.namespace.run('ip', ['-d', 'link', 'show', 'vif1.0']);

/** The bridge takes part in the spanning tree; its ports forward at once. */
async function startSpanningTree({ lab }: Cast): Promise<void> {
  await lab.dom0.namespace.ip('link set xenbr0 type bridge forward_delay 0 stp_state 1');
}

const superior = () => f.bpdu({ src: GUEST.mac, priority: 0 });

/** No hook of the packet filter sees a BPDU when the bridge takes part in the spanning tree. */
test('a superior BPDU: an unguarded guest leads to the root, a guarded one has its port disabled', async (t) => {
  const cast = await startCast(t);
  const { lab, guest } = cast;
  await startSpanningTree(cast);
  await guest.onlineUnguarded();
  await guest.arrivals([superior()], [lab.gateway]);
  t.not(await rootPort(lab), '0');
  await guard(guest);
  await guest.arrivals([superior()], [lab.gateway]);
  t.is(await rootPort(lab), '0');
  t.regex(await portOf(lab), /bridge_slave state disabled /);
});

const TAKEOVERS = [
  f.ethernet(
    { src: GUEST.mac, dst: f.multicastMac(f.PIM_GROUP) },
    f.ipv4({ src: GUEST.ip, dst: f.PIM_GROUP, ttl: 1 }, f.pim()),
  ),
  f.ethernet(
    { src: GUEST.mac, dst: f.multicastMac('224.0.0.106') },
    f.ipv4(
      { src: GUEST.ip, dst: '224.0.0.106', ttl: 1, options: f.IPV4_ROUTER_ALERT },
      f.mrdAdvertisement4(),
    ),
  ),
  f.ethernet(
    { src: GUEST.mac, dst: f.multicastMac('224.0.0.1') },
    f.ipv4({ src: GUEST.ip, dst: '224.0.0.1', ttl: 1, options: f.IPV4_ROUTER_ALERT }, f.igmpQuery()),
  ),
  f.ethernet(
    { src: GUEST.mac, dst: f.multicastMac(f.PIM_GROUP6) },
    f.ipv6({ src: GUEST.linkLocal, dst: f.PIM_GROUP6, hopLimit: 1 }, f.pim6()),
  ),
  f.ethernet(
    { src: GUEST.mac, dst: f.multicastMac('ff02::1') },
    f.ipv6(
      { src: GUEST.linkLocal, dst: 'ff02::1', hopLimit: 1, extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)] },
      f.mldQuery(),
    ),
  ),
];

const routerPorts = async ({ dom0 }: Lab) =>
  (await dom0.namespace.run('bridge', ['-d', 'mdb', 'show', 'dev', 'xenbr0'])).match(
    /router ports on .*/,
  )?.[0] ?? '';

test('no frame makes the guest’s port one that multicast routers are behind, filter or not', async (t) => {
  const cast = await startCast(t);
  const { lab, guest } = cast;
  await lab.dom0.namespace.ip('link set xenbr0 type bridge mcast_snooping 1');
  await guest.onlineUnguarded();
  await guest.arrivals(TAKEOVERS, [lab.dom0]);
  t.regex(await routerPorts(lab), /vif1\.0/);
  await guard(guest);
  for (const prepare of [async () => undefined, bridgeAlone]) {
    await prepare(cast);
    await guest.arrivals(TAKEOVERS, [lab.dom0]);
    t.notRegex(await routerPorts(lab), /vif1\.0/);
  }
});

const ALL_WRONG =
  'isolated on locked off learning on flood on mcast_flood off bcast_flood off mcast_to_unicast on ' +
  'mcast_router 2 guard off root_block off fastleave on hairpin on neigh_suppress on';

test('a second online puts every flag of the port right', async (t) => {
  const cast = await guardedCast(t);
  const { lab, guest } = cast;
  const flags = async () => (await portOf(lab)).match(/bridge_slave .*/)?.[0].replace(/\S*_timer +\S+/g, '');
  const right = await flags();
  t.regex(right ?? '', / guard on root_block on /);
  const { namespace } = lab.dom0;
  await namespace.run('bridge', ['link', 'set', 'dev', guest.device, ...ALL_WRONG.split(' ')]);
  await namespace.ip(`link set ${guest.device} type bridge_slave proxy_arp on group_fwd_mask 0`);
  t.not(await flags(), right);
  t.is((await guest.online()).exitCode, 0);
  t.is(await flags(), right);
});
