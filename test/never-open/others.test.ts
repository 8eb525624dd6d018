import anyTest from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { vifguard } from '../cli/vifguard.ts';
import { BY_THE_BRIDGE, BY_THE_FILTER, flooding } from './flood.ts';
import { attach, expectShut, startScene } from './scene.ts';

// Forbidden frames are sent all the time while others take the packet filter away, and while the host starts.

// Each lab is busy; side by side they would starve each other.
const test = anyTest.serial;

for (const backend of BACKENDS) {
  test(`${backend}: one table is flushed at a time, then "vifguard host up"`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab } = scene;
    await expectShut(t, scene, async () => {
      for (const [tool, ...args] of [
        ['iptables', '-F'],
        ['ip6tables', '-F'],
        ['ip6tables', '-t', 'raw', '-F'],
        ['ebtables', '-F'],
        ['ebtables', '-t', 'nat', '-F'],
      ] as const) {
        await lab.dom0.namespace.run(tool, args);
        t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
      }
    });
  });

  test(`${backend}: after "nft flush ruleset" the bridge alone holds MAC and isolation`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab, guest, neighbour } = scene;
    const { sent, arrived } = await flooding(guest, neighbour, async () => {
      await lab.dom0.namespace.run('nft', ['flush', 'ruleset']);
    });
    t.log(`${sent} frames`);
    t.true(sent >= 100_000);
    for (const kind of BY_THE_BRIDGE) t.is(arrived[kind], 0, kind);
    // What docs/threat-model.md says is gone.
    for (const kind of BY_THE_FILTER) t.true(arrived[kind] > 1000, kind);

    t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    await expectShut(t, scene, async () => {
      t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    });
  });

  test(`${backend}: the host starts, and guests come up at once`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab, guest, neighbour } = scene;
    const { namespace } = lab.dom0;
    const others = await Promise.all(
      [3, 4].map((domid) => lab.guest({ domid, ip: `192.0.2.${50 + domid}` })),
    );
    const guests = [guest, neighbour, ...others];
    for (const other of others) await attach(t, other);
    await expectShut(t, scene, async () => {
      // As before any guest: no state, no rules, the devices as netback makes them.
      await namespace.ip(...guests.map(({ device }) => `link set ${device} down nomaster`));
      await namespace.ip('link set xenbr0 type bridge nf_call_ip6tables 0');
      await namespace.run('nft', ['flush', 'ruleset']);
      await namespace.run('sh', ['-c', 'rm -r /run/vifguard/*']);
      await Promise.all([vifguard(lab, ['host', 'up']), ...guests.map((each) => attach(t, each))]);
    });
  });
}
