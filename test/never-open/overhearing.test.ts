import anyTest, { type ExecutionContext } from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { STRANGER } from '../attacks/cast.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { Nic } from '../lab/nic.ts';
import { GATEWAY } from '../lab/segment.ts';
import { fence } from '../lab/witness.ts';
import { IP } from './flood.ts';
import { ADDRESSES, attach, change, detach, type Scene, startScene, startUnguarded } from './scene.ts';

// What a guest may not hear is sent all the time while its port comes, goes and changes.

// Each lab is busy; side by side they would starve each other.
const test = anyTest.serial;

type Frames = Readonly<Record<string, (mark: f.Bytes) => f.Bytes>>;

/** What the uplink brings that is not for the guest. */
function fromGateway({ mac }: Guest): Frames {
  const { mac: src, ip, ip6 } = GATEWAY;
  const data = (mark: f.Bytes) => f.udp({ srcPort: 9, dstPort: 9 }, mark);
  const request = { op: f.ARP_REQUEST, senderMac: src, senderIp: ip, targetIp: STRANGER.ip };
  const group = 'ff02::1:ff00:66';
  return {
    'flooded unicast': (mark) =>
      f.ethernet({ src, dst: STRANGER.mac }, f.ipv4({ src: ip, dst: STRANGER.ip }, data(mark))),
    "another's IPv4": (mark) =>
      f.ethernet({ src, dst: mac }, f.ipv4({ src: ip, dst: STRANGER.ip }, data(mark))),
    "another's IPv6": (mark) =>
      f.ethernet({ src, dst: mac }, f.ipv6({ src: ip6, dst: STRANGER.ip6 }, data(mark))),
    'ARP for another': (mark) => f.ethernet({ src, dst: f.BROADCAST, trailer: mark }, f.arp(request)),
    'ND for another': (mark) =>
      f.ethernet(
        { src, dst: f.multicastMac(group) },
        f.ipv6(
          { src: ip6, dst: group, hopLimit: 255 },
          f.neighborSolicitation(STRANGER.ip6, f.ndOption(253, mark)),
        ),
      ),
  };
}

/** What a guest says that is isolated from it. */
function fromNeighbour({ mac }: Guest, { mac: src, addresses }: Guest): Frames {
  const datagram = (dst: string, to: string) => (mark: f.Bytes) =>
    f.ethernet(
      { src, dst },
      f.ipv4({ src: addresses.ip ?? '', dst: to }, f.udp({ srcPort: 9, dstPort: 9 }, mark)),
    );
  return {
    "a neighbour's broadcast": datagram(f.BROADCAST, '192.0.2.255'),
    "a neighbour's unicast": datagram(mac, IP),
  };
}

/** How many frames of each kind are sent at least while a scenario goes on. */
const FRAMES = 20_000;

/** How many frames of each kind the guest heard that were sent while `scenario` was repeated. */
async function heard(
  { lab, guest, neighbour }: Scene,
  scenario: () => Promise<void>,
): Promise<Readonly<Record<string, number>>> {
  const sources = [
    { nic: lab.gateway.nic, frames: fromGateway(guest) },
    { nic: neighbour.nic, frames: fromNeighbour(guest, neighbour) },
  ].map(({ nic, frames }) => ({ nic, kinds: Object.keys(frames), ...marked(frames) }));
  // Whatever device the guest has: it gets new ones.
  const ears = new Nic(guest.namespace, guest.nic.name, ['*=3']);
  const counter = await ears.count(...sources.flatMap(({ marks }) => marks));
  const pours = await Promise.all(sources.map(({ nic, frames }) => nic.pour(frames)));
  const fewest = async () => Math.min(...(await Promise.all(pours.map((pour) => pour.taken()))).flat());
  do await scenario();
  while ((await fewest()) < FRAMES);
  await Promise.all(pours.map((pour) => pour.stop()));
  await fence(lab.gateway);
  const counts = await counter.stop();
  return Object.fromEntries(sources.flatMap(({ kinds }) => kinds).map((kind, i) => [kind, counts[i] ?? 0]));
}

function marked(frames: Frames): { marks: f.Bytes[]; frames: f.Bytes[] } {
  const made = Object.values(frames).map((frame) => {
    const mark = f.marker();
    return { mark, frame: frame(mark) };
  });
  return { marks: made.map(({ mark }) => mark), frames: made.map(({ frame }) => frame) };
}

async function expectDeaf(t: ExecutionContext, scene: Scene, scenario: () => Promise<void>): Promise<void> {
  const counts = await heard(scene, scenario);
  t.deepEqual(
    Object.entries(counts).filter(([, count]) => count > 0),
    [],
  );
  t.is(Object.keys(counts).length, 7);
}

for (const backend of BACKENDS) {
  test(`${backend}: a control: an unguarded guest overhears each of them`, async (t) => {
    const scene = await startUnguarded(t, backend);
    const counts = await heard(scene, async () => {
      for (const guest of [scene.guest, scene.neighbour]) await guest.onlineUnguarded();
    });
    for (const [kind, count] of Object.entries(counts)) t.true(count > 1000, `${kind}: ${count}`);
  });

  test(`${backend}: nothing is overheard while a port comes, goes and comes again`, async (t) => {
    const scene = await startScene(t, backend);
    await expectDeaf(t, scene, async () => {
      await detach(t, scene.guest, 'gone');
      await attach(t, scene.guest);
      await attach(t, scene.guest);
      await detach(t, scene.guest, 'present');
      await attach(t, scene.guest);
    });
  });

  test(`${backend}: nothing is overheard while addresses and modes change`, async (t) => {
    const scene = await startScene(t, backend);
    await expectDeaf(t, scene, async () => {
      for (const policy of [
        [`${ADDRESSES} 192.0.2.43`, 'dom0=icmp'],
        [ADDRESSES, 'mode=disabled'],
        [ADDRESSES, ''],
      ] as const) {
        await change(t, scene, policy);
      }
    });
  });
}
