import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';

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

export interface Outcome {
  /** How many frames the guest's kernel took. */
  readonly sent: number;
  /** How many of them arrived, at the gateway and at dom0. */
  readonly arrived: number;
}

/** What became of forbidden frames that a guest sent all the time while `action` went on. */
export async function flooding(guest: Guest, action: () => Promise<void>): Promise<Outcome> {
  const { gateway, dom0 } = guest.lab;
  const all = floods(guest);
  const marks = all.map(({ mark }) => mark);
  const counters = await Promise.all([gateway.nic.count(...marks), dom0.nic.count(...marks)]);
  let busy = true;
  let sent = 0;
  const senders = all.map(async ({ frame }) => {
    while (busy) sent += (await guest.flood(frame, { seconds: 1 })).frames;
  });
  await action();
  busy = false;
  await Promise.all(senders);
  const counts = await Promise.all(counters.map((counter) => counter.stop()));
  return { sent, arrived: counts.flat().reduce((sum, count) => sum + count, 0) };
}
