import test, { type ExecutionContext } from 'ava';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';

// Forbidden frames are sent all the time while ports come and go.

const CYCLES = 5;

interface Flood {
  readonly frame: f.Bytes;
  readonly mark: f.Bytes;
}

const STRANGER = '00:16:3e:66:66:66';

/** To the gateway, to dom0 and to everybody; of another MAC, another address and another role. */
function floods(guest: Guest): Flood[] {
  const from = (src: string, dst: string, payload: (mark: f.Bytes) => f.NetworkLayer): Flood => {
    const mark = f.marker();
    return { mark, frame: f.ethernet({ src, dst }, payload(mark)) };
  };
  const datagram = (src: string, dst: string) => (mark: f.Bytes) =>
    f.ipv4({ src, dst }, f.udp({ srcPort: 9, dstPort: 9 }, mark));
  return [
    from(STRANGER, GATEWAY.mac, datagram('192.0.2.41', GATEWAY.ip)),
    from(guest.mac, DOM0.mac, datagram('192.0.2.66', DOM0.ip)),
    from(guest.mac, f.BROADCAST, datagram('192.0.2.66', '192.0.2.255')),
    from(guest.mac, f.multicastMac('ff02::1'), (mark) =>
      f.ipv6({ src: '2001:db8::66', dst: 'ff02::1' }, f.icmpv6EchoReply(mark)),
    ),
  ];
}

/** How many frames of the floods arrived, at the gateway and at dom0, while `action` went on. */
async function leaks(lab: Lab, guest: Guest, action: () => Promise<void>): Promise<number> {
  const all = floods(guest);
  const marks = all.map(({ mark }) => mark);
  const counters = await Promise.all([lab.gateway.nic.count(...marks), lab.dom0.nic.count(...marks)]);
  let busy = true;
  const senders = all.map(async ({ frame }) => {
    while (busy) await guest.flood(frame, { seconds: 1 });
  });
  await action();
  busy = false;
  await Promise.all(senders);
  const counts = await Promise.all(counters.map((counter) => counter.stop()));
  return counts.flat().reduce((sum, count) => sum + count, 0);
}

async function start(t: ExecutionContext): Promise<{ lab: Lab; guest: Guest }> {
  const lab = await startLab(t);
  return { lab, guest: await lab.guest({ domid: 1, ip: '192.0.2.41 2001:db8:0:ffff::41' }) };
}

test('a control: unguarded, the flood arrives', async (t) => {
  const { lab, guest } = await start(t);
  t.true((await leaks(lab, guest, () => guest.onlineUnguarded())) > 1000);
});

test('no forbidden frame passes while a port comes and goes, with its device gone first', async (t) => {
  const { lab, guest } = await start(t);
  const cycles = async () => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      t.is((await guest.online()).exitCode, 0);
      t.is((await guest.offline()).exitCode, 0);
    }
  };
  t.is(await leaks(lab, guest, cycles), 0);
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
  t.is(await leaks(lab, guest, cycles), 0);
});
