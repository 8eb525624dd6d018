import test, { type ExecutionContext } from 'ava';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { flooding } from './flood.ts';

// Forbidden frames are sent all the time while ports come and go.

const CYCLES = 5;

async function start(t: ExecutionContext): Promise<{ lab: Lab; guest: Guest }> {
  const lab = await startLab(t);
  return { lab, guest: await lab.guest({ domid: 1, ip: '192.0.2.41 2001:db8:0:ffff::41' }) };
}

test('a control: unguarded, the flood arrives', async (t) => {
  const { guest } = await start(t);
  t.true((await flooding(guest, () => guest.onlineUnguarded())).arrived > 1000);
});

test('no forbidden frame passes while a port comes and goes, with its device gone first', async (t) => {
  const { guest } = await start(t);
  const cycles = async () => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      t.is((await guest.online()).exitCode, 0);
      t.is((await guest.offline()).exitCode, 0);
    }
  };
  t.is((await flooding(guest, cycles)).arrived, 0);
});

test('nor while its device stays, comes again, or another guest comes and goes', async (t) => {
  const { lab, guest } = await start(t);
  const other = await lab.guest({ domid: 2, ip: '192.0.2.42' });
  const cycles = async () => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      t.is((await guest.online()).exitCode, 0);
      t.is((await guest.online()).exitCode, 0);
      t.is((await other.online()).exitCode, 0);
      t.is((await other.offline()).exitCode, 0);
      t.is((await guest.offline({ device: 'present' })).exitCode, 0);
    }
  };
  t.is((await flooding(guest, cycles)).arrived, 0);
});
