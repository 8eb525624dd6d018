import { fileURLToPath } from 'node:url';
import anyTest from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { STEPS } from '../../src/port/attach.ts';
import { vifguard } from '../cli/vifguard.ts';
import { BY_THE_BRIDGE, BY_THE_FILTER, flooding } from './flood.ts';
import { killedAtEach, wrapTools } from './kill.ts';
import { ADDRESSES, attach, detach, expectShut, startScene, startUnguarded } from './scene.ts';

// Forbidden frames are sent all the time while ports come and go.

// Each lab is busy; side by side they would starve each other.
const test = anyTest.serial;

const SCRIPT = fileURLToPath(new URL('../hotplug/interrupted', import.meta.url));
const TSX = import.meta.resolve('tsx');

for (const backend of BACKENDS) {
  test(`${backend}: a control: unguarded, every kind of the flood arrives`, async (t) => {
    const { guest, neighbour } = await startUnguarded(t, backend);
    const { sent, arrived } = await flooding(guest, neighbour, async () => {
      for (const each of [guest, neighbour]) await each.onlineUnguarded();
    });
    t.true(sent >= 100_000);
    for (const kind of [...BY_THE_BRIDGE, ...BY_THE_FILTER]) t.true(arrived[kind] > 1000, kind);
  });

  test(`${backend}: attach and detach, with the device gone first`, async (t) => {
    const scene = await startScene(t, backend);
    await expectShut(
      t,
      scene,
      async () => {
        await detach(t, scene.guest, 'gone');
        await attach(t, scene.guest);
      },
      { rounds: 5 },
    );
  });

  test(`${backend}: re-attach, detach with the device there, and another guest that comes and goes`, async (t) => {
    const scene = await startScene(t, backend);
    const other = await scene.lab.guest({ domid: 3, ip: '192.0.2.53' });
    await expectShut(
      t,
      scene,
      async () => {
        await attach(t, scene.guest);
        await attach(t, other);
        await detach(t, other, 'gone');
        await detach(t, scene.guest, 'present');
        await attach(t, scene.guest);
      },
      { rounds: 3 },
    );
  });

  test(`${backend}: an attach that is killed before any of its steps, then whole`, async (t) => {
    const scene = await startScene(t, backend);
    const { guest } = scene;
    await expectShut(t, scene, async () => {
      for (const step of [...STEPS, 'report']) {
        const options = { script: SCRIPT, environment: { TSX, AT: step, HOW: 'kill' } };
        t.is((await guest.hotplug('online', options).result).exitCode, -1, step);
        await detach(t, guest, 'present');
        t.is((await guest.hotplug('online', options).result).exitCode, -1, step);
        await attach(t, guest);
      }
    });
  });

  test(`${backend}: attach, detach and reload, killed before and after each change of rules`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab, guest } = scene;
    await wrapTools(lab);
    await expectShut(t, scene, async () => {
      for (const [moment, ip] of [
        ['before', '192.0.2.44'],
        ['after', ADDRESSES],
      ] as const) {
        await lab.store.write({ '/local/domain/0/backend/vif/1/0/ip': ip });
        for (const [what, command] of [
          ['reload', () => vifguard(lab, ['reload'])],
          ['online', () => guest.hotplug('online').result],
          ['offline', () => guest.offline({ device: 'present' })],
          ['online, from nothing', () => guest.online()],
        ] as const) {
          t.true((await killedAtEach(lab, moment, command)) > 0, `${moment}, ${what}`);
        }
      }
    });
  });
}
