import assert from 'node:assert/strict';
import { type Attack, because, named } from '../../attacks/attack.ts';
import { GUEST, NEIGHBOUR, PLACES, type Place } from '../../attacks/cast.ts';
import { LAWFUL } from '../../attacks/catalogue/lawful.ts';
import { ALL_ATTACKS, ATTACK_CLASSES } from '../../attacks/showcase.ts';
import * as f from '../../frames/index.ts';
import { GATEWAY, PASSED_BY_THE_BRIDGE } from '../../lab/segment.ts';
import { among } from '../../lab/witness.ts';
import type { Dom0 } from '../dom0.ts';
import { Guest } from '../guest.ts';
import { speaksAsAnother, spec } from '../stations.ts';
import type { Story } from '../story.ts';

/** Frames to send, and the last of them, a lawful broadcast: where it has arrived, nothing more comes. */
interface Volley {
  readonly attacks: readonly Attack[];
  readonly fence: f.Bytes;
}

const LAWFUL_SHOTS = because('kernel', LAWFUL);

function volley(): Volley {
  const arp = f.arp({ op: f.ARP_REQUEST, senderMac: GUEST.mac, senderIp: GUEST.ip, targetIp: GUEST.ip });
  const fence = f.ethernet({ src: GUEST.mac, dst: f.BROADCAST, trailer: f.marker() }, arp);
  // With the gateway's MAC as source, the bridge takes the guest for the gateway from there on.
  const takeOver = named(ALL_ATTACKS, /from the gateway's MAC/);
  const others = ALL_ATTACKS.filter((attack) => !takeOver.includes(attack));
  return { attacks: [...LAWFUL_SHOTS, ...others, ...takeOver], fence };
}

const framesOf = ({ attacks, fence }: Volley) => [
  ...attacks.flatMap(({ shots }) => shots.map(({ frame }) => frame)),
  fence,
];

/**
 * What is looked at: the gateway's end of the uplink; what the bridge hands to dom0's stack; what the
 * neighbour's vif is given to send, mirrored before the guest's own slowness could lose it.
 */
const CAPTURES: Readonly<Record<Place, string>> = {
  gateway: 'ip netns exec gateway frames capture eth0',
  dom0: `frames capture xenbr0=own ${PASSED_BY_THE_BRIDGE.map((type) => `'*=${type}'`).join(' ')}`,
  neighbour: 'frames capture witness',
};

const mirror = (port: string) => `
ip link add witness type dummy && ip link set witness up
tc qdisc add dev ${port} clsact
tc filter add dev ${port} egress matchall action mirred ingress mirror dev witness`;

/** Has the guest send everything, and tells for each place which frames arrived. */
async function fire(
  dom0: Dom0,
  guest: Guest,
  sent: Volley,
): Promise<Readonly<Record<Place, (frame: f.Bytes) => boolean>>> {
  const captures = PLACES.map((place) => `sleep 900 | ${CAPTURES[place]} >/run/capture-${place} &`);
  await dom0.run(`${captures.join('\n')}
    for place in ${PLACES.join(' ')}; do until grep -q ready /run/capture-$place; do sleep 0.1; done; done`);
  const count = framesOf(sent).length;
  const answers = await guest.run('frames inject eth0 </volley | sort | uniq -c', { timeout: 400 });
  assert.equal(answers.replace(/\s+/g, ' ').trim(), `1 ready ${count} sent`);
  const fence = f.toHex(sent.fence);
  const arrived = PLACES.map((place) => `until grep -q ${fence} /run/capture-${place}; do sleep 0.2; done`);
  await dom0.run(arrived.join('\n'));
  await dom0.run('kill $(pidof frames)');
  const seen = await Promise.all(
    PLACES.map((place) => dom0.run(`sed -n '/^[0-9a-f]\\{28,\\}$/p' /run/capture-${place}`)),
  );
  const frames = seen.map((text) => text.split('\n').map(f.fromHex));
  const [gateway, neighbour, own] = frames.map((each) => among(each));
  assert.ok(gateway && neighbour && own);
  return { gateway, neighbour, dom0: own };
}

type Arrived = Awaited<ReturnType<typeof fire>>;

/** Where shots do not arrive that should. */
function missing(attacks: readonly Attack[], arrived: Arrived): readonly string[] {
  return attacks.flatMap(({ name, shots }) =>
    shots.flatMap(({ frame, reaches }) =>
      PLACES.filter((place) => reaches.includes(place) && !arrived[place](frame)).map(
        (place) => `${name}: ${place}`,
      ),
    ),
  );
}

/** Where shots arrive. */
function leaks(attacks: readonly Attack[], arrived: Arrived): readonly string[] {
  return attacks.flatMap(({ name, shots }) =>
    shots.flatMap(({ frame }) =>
      PLACES.filter((place) => arrived[place](frame)).map((place) => `${name}: ${place}`),
    ),
  );
}

/** A hostile domain sends the whole catalogue through netfront and netback. */
export const ATTACKS: Story = {
  name: 'attacks',
  run: async (dom0, holds) => {
    const sent = volley();
    const unguarded = 'script=vif-bridge';
    const quiet = 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip link set eth0 up';
    await dom0.run('ip link set xenbr0 type bridge mcast_snooping 0');
    const [guest, neighbour] = await Promise.all([
      Guest.start(dom0, {
        name: 'hostile',
        vifs: [spec(GUEST, unguarded)],
        settings: ['vifguard = [ "peers=open" ]'],
        files: { volley: framesOf(sent).map(f.toHex).join('\n') },
      }),
      Guest.start(dom0, { name: 'neighbour', vifs: [spec(NEIGHBOUR, unguarded)] }),
    ]);
    await holds("with Xen's own vif-bridge a guest may be anybody", async () => {
      await guest.configure('eth0', `${GUEST.ip}/24`);
      assert.ok(await guest.pings(GATEWAY.ip));
      assert.ok(await speaksAsAnother(guest));
      await guest.run('ip addr flush dev eth0');
      return undefined;
    });

    await dom0.run(mirror(`vif${await neighbour.id()}.0`));
    await Promise.all([guest.run(quiet), neighbour.run(quiet)]);
    const frames = ALL_ATTACKS.reduce((sum, { shots }) => sum + shots.length, 0);
    await holds('of a hostile guest without a guard every attack arrives', async () => {
      assert.deepEqual(missing(sent.attacks, await fire(dom0, guest, sent)), []);
      return `${ATTACK_CLASSES.length} classes, ${ALL_ATTACKS.length} attacks, ${frames} frames`;
    });

    await holds('of the same guest, guarded, none arrives, and all of its lawful frames do', async () => {
      await guest.detach(0);
      assert.equal((await guest.attach(spec(GUEST))).status, 0);
      await guest.run(`until [ -e /sys/class/net/eth0 ]; do sleep 1; done; ${quiet}; sleep 1`);
      const guarded = await fire(dom0, guest, sent);
      assert.deepEqual(missing(LAWFUL_SHOTS, guarded), [], 'is lawful');
      assert.deepEqual(leaks(ALL_ATTACKS, guarded), [], 'leaks');
      return undefined;
    });
    await dom0.run('ip link delete witness; ip link set xenbr0 type bridge mcast_snooping 1');
    await Promise.all([guest.destroy(), neighbour.destroy()]);
  },
};
