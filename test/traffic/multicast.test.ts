import test from 'ava';
import * as f from '../frames/index.ts';
import { listen, say } from '../lab/datagrams.ts';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { observe } from '../lab/witness.ts';
import { droppedFromGuests, startGuarded } from './guarded.ts';

const GROUPS = [
  { joined: '239.1.2.3', unjoined: '239.1.2.4' },
  { joined: 'ff05::1:3', unjoined: 'ff05::1:4' },
];
const WEB6 = '2001:db8:0:ffff::41';

/** Snooping at its strictest: with a querier, nobody gets the traffic of a group that he has not joined. */
async function snoop({ dom0 }: Lab): Promise<void> {
  const bridge = 'link set xenbr0 type bridge mcast_snooping 1';
  await dom0.namespace.ip(`${bridge} mcast_query_response_interval 50`, `${bridge} mcast_querier 1`);
}

/** The ports of a bridge's group. */
async function groupPorts({ dom0 }: Lab, group: string): Promise<string[]> {
  const bridges: { mdb: { grp: string; port: string }[] }[] = JSON.parse(
    await dom0.namespace.run('bridge', ['-j', 'mdb', 'show']),
  );
  return bridges.flatMap(({ mdb }) => mdb.filter(({ grp }) => grp === group).map(({ port }) => port));
}

/** A datagram of the gateway's to a group. */
function toGroup(group: string): f.Bytes {
  const payload = f.udp({ srcPort: 9, dstPort: 9 }, f.marker());
  const network = group.includes(':')
    ? f.ipv6({ src: GATEWAY.ip6, dst: group }, payload)
    : f.ipv4({ src: GATEWAY.ip, dst: group }, payload);
  return f.ethernet({ src: GATEWAY.mac, dst: f.multicastMac(group) }, network);
}

async function reaches({ gateway }: Lab, guest: Guest, frame: f.Bytes): Promise<boolean> {
  const [seen = []] = await observe(() => gateway.nic.send(frame), [guest]);
  return seen.some((other) => Buffer.from(other).equals(frame));
}

test('the bridge sees the guest join a group, and gives it that group’s traffic and no other', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  await snoop(lab);
  for (const { joined, unjoined } of GROUPS) {
    const listener = await listen(web, joined);
    await poll(`vif1.0 in ${joined}`, async () => (await groupPorts(lab, joined)).includes('vif1.0'));
    await say(lab.gateway, joined, 'for the group');
    await listener.heard('for the group');
    await poll('an end of flooding', async () => !(await reaches(lab, web, toGroup(unjoined))));
    t.true(await reaches(lab, web, toGroup(joined)));
    listener.close();
    await poll(`vif1.0 out of ${joined}`, async () => !(await groupPorts(lab, joined)).includes('vif1.0'));
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('neighbour discovery goes on under snooping, as queries are answered', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  await snoop(lab);
  const solicitedNode = f.solicitedNode(WEB6);
  await poll(`vif1.0 in ${solicitedNode}`, async () =>
    (await groupPorts(lab, solicitedNode)).includes('vif1.0'),
  );
  await poll('an end of flooding', async () => !(await reaches(lab, web, toGroup('ff05::1:4'))));
  await lab.gateway.namespace.ip('neigh flush dev eth0');
  t.true(await ping(lab.gateway, WEB6));
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('the guest speaks to groups and to everybody, and hears the gateway do so', async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  const destinations = [
    { to: '224.0.0.251', group: '224.0.0.251' },
    { to: 'ff02::fb', group: 'ff02::fb' },
    { to: '255.255.255.255', group: undefined },
    { to: '192.0.2.255', group: undefined },
  ];
  for (const { to, group } of destinations) {
    for (const [from, at] of [
      [web, lab.gateway],
      [lab.gateway, web],
    ] as const) {
      const listener = await listen(at, group);
      await say(from, to, `from ${from.name}`);
      await listener.heard(`from ${from.name}`);
      listener.close();
    }
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});
