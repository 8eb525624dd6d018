import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import type { Dom0 } from '../dom0.ts';
import { Guest } from '../guest.ts';
import { configure, expectGuarded, type Station, spec, station } from '../stations.ts';
import type { Story } from '../story.ts';

/** A bridge with a trunk for its uplink, and at its other end a gateway in each VLAN, and one for untagged frames. */
const NETWORK = `
ip netns add untagged
ip link add vlanbr0 type bridge vlan_filtering 1
ip link add trunk type veth peer name eth0 address ${GATEWAY.mac} netns untagged
ip link set trunk master vlanbr0 up
ip link set vlanbr0 up
ip -n untagged link set eth0 up
for vid in 10 20; do
  bridge vlan add dev trunk vid $vid
  ip netns add vlan$vid
  ip -n untagged link add link eth0 name vlan$vid type vlan id $vid
  ip -n untagged link set vlan$vid netns vlan$vid name eth0
  ip -n vlan$vid link set eth0 up
done
for netns in untagged vlan10 vlan20; do
  ip -n $netns addr add ${GATEWAY.ip}/24 dev eth0
  ip -n $netns addr add ${GATEWAY.ip6}/64 dev eth0 nodad
done`;

const REMOVE_NETWORK = `
ip link delete vlanbr0
for netns in vlan10 vlan20 untagged; do ip netns delete $netns; done`;

/** Writes \`vlan\` to xenstore before the script runs, as xl does from Xen 4.19 on. */
const NEWER_XL = `#!/bin/sh
[ "$1" != online ] || xenstore-write "$XENBUS_PATH/vlan" 10p
exec /etc/xen/scripts/vif-guard "$@"`;

const RED = station(1);
const [BLUE, GREEN, PLAIN] = [station(2), station(3), station(4)];

const onVlanBridge = (each: Station, ...fields: readonly string[]) => spec(each, 'bridge=vlanbr0', ...fields);

/** The VLANs of a port, as bridge(8) lists them. */
async function vlansOf(dom0: Dom0, port: string): Promise<string> {
  return dom0.run(`bridge vlan show dev ${port} | sed 1d | tr -s ' \\t' ' ' | sed "s/^${port} //; s/^ //"`);
}

/** Gives one of a guest's interfaces its address, and the others none. */
async function speakBy(guest: Guest, iface: string, each: Station): Promise<void> {
  await guest.run('for each in eth0 eth1 eth2; do ip addr flush dev $each; done');
  await configure(guest, each, iface);
}

/** How many frames of another station a guest hears on eth0 while that one looks for it, and pings it. */
async function heard(
  guest: Guest,
  from: Guest,
  [listener, speaker]: readonly [Station, Station],
): Promise<number> {
  await guest.run(
    '(sleep 600 | frames capture eth0 >/heard) 2>/dev/null & until grep -q ready /heard; do sleep 1; done',
  );
  await from.run(`ip neigh flush dev eth0; arping -c 3 -w 4 -I eth0 ${listener.ip} >/dev/null; true`);
  await from.pings(listener.ip);
  const source = speaker.mac.replaceAll(':', '');
  return Number(await guest.run(`kill $(pidof frames); grep -c '^.\\{12\\}${source}' /heard; true`));
}

/** VLANs of a bridge that filters them. */
export const VLANS: Story = {
  name: 'vlans',
  run: async (dom0, holds) => {
    await dom0.run(NETWORK);
    await dom0.write('/etc/xen/scripts/newer-xl', NEWER_XL);
    await dom0.run('chmod +x /etc/xen/scripts/newer-xl');
    const [red, blue] = await Promise.all([
      Guest.start(dom0, {
        name: 'red',
        vifs: [onVlanBridge(RED, 'vlan=10')],
        settings: ['vifguard = [ "peers=open" ]'],
      }),
      Guest.start(dom0, {
        name: 'blue',
        vifs: [onVlanBridge(BLUE), onVlanBridge(GREEN, 'script=newer-xl'), onVlanBridge(PLAIN)],
        settings: ['vifguard = [ "vlan=20,peers=open", "peers=open", "peers=open" ]'],
      }),
    ]);
    const [redPort, bluePort] = [`vif${await red.id()}.0`, `vif${await blue.id()}.0`];
    const greenPort = bluePort.replace('.0', '.1');

    await holds(
      'vlan= of the .cfg, which xl does not know, of its vifguard entry, and of xenstore',
      async () => {
        assert.equal(await vlansOf(dom0, redPort), '10 PVID Egress Untagged');
        assert.equal(await vlansOf(dom0, bluePort), '20 PVID Egress Untagged');
        assert.equal(await vlansOf(dom0, greenPort), '10 PVID Egress Untagged');
        assert.equal(await vlansOf(dom0, bluePort.replace('.0', '.2')), '1 PVID Egress Untagged');
        assert.match(await dom0.run('vifguard status'), /vlanbr0 vlan 20/);
        assert.equal(await dom0.run(`xenstore-read backend/vif/$(xl domid red)/0/vifguard/vlan`), '10');
        await dom0.run('vifguard check');
        return undefined;
      },
    );

    await holds(
      'each guest reaches the gateway of its VLAN, tagged on the uplink, as itself alone',
      async () => {
        await configure(red, RED);
        await expectGuarded(red);
        await speakBy(blue, 'eth0', BLUE);
        await expectGuarded(blue);
        return undefined;
      },
    );

    await holds(
      'without vlan=, a guest is in the VLAN that the bridge gives, and reaches that gateway',
      async () => {
        await speakBy(blue, 'eth2', PLAIN);
        assert.ok(await blue.pings(GATEWAY.ip), 'IPv4');
        assert.ok(await blue.pings(GATEWAY.ip6), 'IPv6');
        return undefined;
      },
    );

    await holds('guests of one VLAN reach each other, those of two do not, and hear nothing', async () => {
      await speakBy(blue, 'eth1', GREEN);
      assert.ok(await red.pings(GREEN.ip), 'in one VLAN');
      await speakBy(blue, 'eth0', BLUE);
      assert.equal(await heard(blue, red, [BLUE, RED]), 0);
      assert.ok(!(await red.pings(BLUE.ip)), 'in two VLANs');
      return undefined;
    });

    await holds(
      'a port put in another VLAN is mute there; check says so, and "host up" puts it back',
      async () => {
        await dom0.run(`bridge vlan add dev ${redPort} vid 20 pvid untagged`);
        assert.ok(!(await red.pings(GATEWAY.ip)), 'its MAC is not known in VLAN 20');
        const { stdout } = await dom0.attempt('vifguard check');
        assert.match(stdout, /it is in VLAN 10 untagged, 20 PVID untagged, should be in 10/);
        await dom0.run('vifguard host up');
        assert.equal(await vlansOf(dom0, redPort), '10 PVID Egress Untagged');
        assert.ok(await red.pings(GATEWAY.ip));
        return undefined;
      },
    );

    await holds('vlan_filtering switched off is found, and switched on again', async () => {
      await dom0.run('ip link set vlanbr0 type bridge vlan_filtering 0');
      assert.match((await dom0.attempt('vifguard check')).stdout, /vlanbr0: vlan_filtering is off/);
      await dom0.run('vifguard host up');
      await dom0.run('vifguard check');
      assert.ok(await red.pings(GATEWAY.ip));
      return undefined;
    });

    await holds(
      '"vifguard reload" moves a guest to another VLAN, and it leaves nothing in the one before',
      async () => {
        await dom0.run("sed -i 's/vlan=20/vlan=10/' /etc/xen/blue.cfg && vifguard reload");
        assert.equal(await vlansOf(dom0, bluePort), '10 PVID Egress Untagged');
        assert.equal(await dom0.run(`bridge fdb show dev ${bluePort} | grep -c 'vlan 20' || true`), '0');
        assert.ok(await red.pings(BLUE.ip));
        await dom0.run('vifguard check');
        return undefined;
      },
    );

    await holds('the same with nftables', async () => {
      await dom0.run(
        'cp /etc/xen/vif-guard.conf /run/vif-guard.conf; echo \'backend = "nftables"\' >>/etc/xen/vif-guard.conf',
      );
      await dom0.run('vifguard reload && vifguard check');
      await expectGuarded(red);
      assert.ok(await red.pings(BLUE.ip), 'in one VLAN');
      return undefined;
    });
    await Promise.all([red.destroy(), blue.destroy()]);
    await dom0.run('cp /run/vif-guard.conf /etc/xen/vif-guard.conf; vifguard host down');
    await dom0.run(REMOVE_NETWORK);
  },
};
