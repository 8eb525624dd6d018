import type { Reason } from '../../../src/rules/reason.ts';
import * as f from '../../frames/index.ts';
import { GATEWAY } from '../../lab/segment.ts';
import { ALL_HOSTS, type Attack, everywhere, type Target } from '../attack.ts';
import { GUEST, STRANGER } from '../cast.ts';

/** The attacker's own request or reply, but for what `fields` says. */
function forged(fields: Partial<f.Arp>, change: (arp: f.Bytes) => f.Bytes = (bytes) => bytes) {
  return ({ mac, address }: Target) => {
    const whole = f.arp({
      op: f.ARP_REQUEST,
      senderMac: GUEST.mac,
      senderIp: GUEST.ip,
      targetIp: address,
      ...fields,
    });
    const payload = { ...whole, bytes: change(whole.bytes) };
    return f.ethernet({ src: GUEST.mac, dst: mac, trailer: f.marker() }, payload);
  };
}

const bothWays = (name: string, fields: Partial<f.Arp>) => ({
  [`request, ${name}`]: forged({ op: f.ARP_REQUEST, ...fields }),
  [`reply, ${name}`]: forged({ op: f.ARP_REPLY, ...fields }),
});

type Builders = Readonly<Record<string, (to: Target) => f.Bytes>>;

const SPOOFS: Builders = {
  ...bothWays("another's sender address", { senderIp: STRANGER.ip }),
  ...bothWays("the gateway's sender address", { senderIp: GATEWAY.ip }),
  ...bothWays('gratuitous for the gateway', { senderIp: GATEWAY.ip, targetIp: GATEWAY.ip }),
  ...bothWays("own address, another's sender MAC", { senderMac: STRANGER.mac }),
  ...bothWays("own address, the gateway's sender MAC", { senderMac: GATEWAY.mac }),
  ...bothWays('own address, broadcast as sender MAC', { senderMac: f.BROADCAST }),
  ...bothWays("another's address and MAC", { senderMac: STRANGER.mac, senderIp: STRANGER.ip }),
  ...bothWays('multicast sender address', { senderIp: '224.0.0.1' }),
  ...bothWays('broadcast sender address', { senderIp: '255.255.255.255' }),
  ...bothWays('loopback sender address', { senderIp: '127.0.0.1' }),
  ...bothWays("a probe for the gateway's address", { senderIp: '0.0.0.0', targetIp: GATEWAY.ip }),
  ...bothWays('a probe for a stranger', { senderIp: '0.0.0.0', targetIp: STRANGER.ip }),
  'reply from 0.0.0.0 about its own': forged({
    op: f.ARP_REPLY,
    senderIp: '0.0.0.0',
    targetIp: GUEST.ip,
  }),
};

/** Without a trailer, which would stand where the message was cut off. */
const headless = (length: number) => (to: Target) =>
  forged({}, (bytes) => bytes.subarray(0, length))(to).subarray(0, 14 + length);

const MALFORMED: Builders = {
  ...Object.fromEntries(
    [0, 3, 4, 5, 6, 7, 8, 9, 10, 23, 0x0100, 0xffff].map((op) => [`operation ${op}`, forged({ op })]),
  ),
  ...bothWays('no Ethernet size', { hardwareSize: 8, senderIp: STRANGER.ip }),
  ...bothWays('hardware size 0', { hardwareSize: 0, senderIp: STRANGER.ip }),
  ...bothWays('no IPv4 size', { protocolSize: 16, senderIp: STRANGER.ip }),
  ...bothWays('no Ethernet size, own address', { hardwareSize: 8 }),
  ...bothWays('no IPv4 size, own address', { protocolSize: 16 }),
  ...bothWays('hardware type 0', { hardwareType: 0 }),
  ...bothWays('hardware type IEEE 802', { hardwareType: 6 }),
  ...bothWays('hardware type IEEE 802, spoofing', { hardwareType: 6, senderIp: GATEWAY.ip }),
  ...bothWays('protocol type IPv6', { protocolType: 0x86dd }),
  ...bothWays('protocol type trailers, spoofing', { protocolType: 0x1000, senderIp: GATEWAY.ip }),
};

const SHORT: Builders = {
  'cut off behind the sender MAC': headless(14),
  'cut off in the fixed part': headless(4),
  'cut off before the operation': headless(6),
  'nothing at all': headless(0),
};

const attacks = (reason: Reason, builders: Builders): Attack[] =>
  Object.entries(builders).map(([name, build]) => ({ name, reason, shots: everywhere(ALL_HOSTS, build) }));

export const ARP_ATTACKS: readonly Attack[] = [
  ...attacks('arp-spoof', SPOOFS),
  ...attacks('arp-malformed', { ...MALFORMED, ...SHORT }),
  ...attacks('ethertype', {
    'RARP request': forged({ op: 3, etherType: 0x8035 }),
    'RARP reply': forged({ op: 4, etherType: 0x8035 }),
  }),
];
