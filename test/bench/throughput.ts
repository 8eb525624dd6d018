import { type Bytes, ethernet, ipv4, udp, zeros } from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import type { Nic } from '../lab/nic.ts';
import { compiled } from '../lab/program.ts';
import { GATEWAY } from '../lab/segment.ts';

/** Packets per second that arrive. */
export interface Throughput {
  readonly fromGuest: number;
  readonly toGuest: number;
}

/** How long one measurement sends. */
const MILLISECONDS = 300;

/** discard (RFC 863), and that is what the receiver's nftables does. */
const PORT = 9;

/** With the frame check sequence, which no veth carries, 64 octets: the shortest of Ethernet. */
const DATA = zeros(18);

/** Floods a guest's port with small UDP packets, out to the gateway and then in from there. */
export async function measureThroughput(guest: Guest): Promise<Throughput> {
  const { gateway } = guest.segment;
  const inward = frame({ mac: GATEWAY.mac, ip: GATEWAY.ip }, endOf(guest));
  const outward = frame(endOf(guest), { mac: GATEWAY.mac, ip: GATEWAY.ip });
  return {
    toGuest: await rate(gateway.nic, guest.nic, inward),
    fromGuest: await rate(guest.nic, gateway.nic, outward),
  };
}

/** Has both ends of the way throw the packets away as soon as they are counted. */
export async function prepareThroughput(guest: Guest): Promise<void> {
  for (const { namespace, name } of [guest.nic, guest.segment.gateway.nic]) {
    const hook = `type filter hook ingress device ${name} priority 0`;
    await namespace.run('nft', [`table netdev bench { chain in { ${hook}; udp dport ${PORT} drop; }; }`]);
  }
}

interface End {
  readonly mac: string;
  readonly ip: string;
}

function endOf({ mac, addresses }: Guest): End {
  if (addresses.ip === undefined) throw new TypeError('the guest has no IPv4 address');
  return { mac, ip: addresses.ip };
}

function frame(from: End, to: End): Bytes {
  const packet = ipv4({ src: from.ip, dst: to.ip }, udp({ srcPort: 40_000, dstPort: PORT }, DATA));
  return ethernet({ src: from.mac, dst: to.mac }, packet);
}

async function rate(sender: Nic, receiver: Nic, frame: Bytes): Promise<number> {
  const program = await compiled(new URL('blast.c', import.meta.url));
  const before = await received(receiver);
  // On one CPU, whose backlog takes the frame all the way: no luck with where the halves of the work go.
  const args = ['-c', '0', program, sender.name, `${MILLISECONDS}`];
  const sent = await sender.namespace.run('taskset', args, { input: frame });
  return ((await received(receiver)) - before) / (Number(sent) / 1000);
}

async function received({ namespace, name }: Nic): Promise<number> {
  return Number(await namespace.run('cat', [`/sys/class/net/${name}/statistics/rx_packets`]));
}
