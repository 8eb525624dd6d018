import { type IpPrefix, isHost, parsePrefix, prefixContains } from '../address/ip.ts';
import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import { solicitedNodeGroups } from '../rules/identity.ts';
import { BROADCAST_IPV4, MULTICAST_IPV4, MULTICAST_IPV6, UNSPECIFIED_IPV6 } from '../rules/protocols.ts';
import { MESSAGE_TYPES, NAMED_PROTOCOLS, PORTED, TYPED } from './message-types.ts';
import type { Octets } from './octets.ts';

/** The MACs of a frame whose words do not give them. */
export interface Macs {
  readonly source: string;
  /** For what is not broadcast or multicast. */
  readonly destination: string;
}

/** What a frame carries, and whom it is for. */
interface Payload {
  readonly etherType: number;
  readonly octets: Octets;
  /** The IP destination; absent when the frame is for one neighbour. */
  readonly destination?: IpPrefix;
}

type Build = (words: readonly string[], source: string) => Payload;

const MAC = '[0-9a-f]{2}(?::[0-9a-f]{2}){5}';
const MACS = new RegExp(`^(${MAC}) > (${MAC}), *`, 'i');

/** The forms in which a frame may be written, with single blanks between the words. */
const FORMS: readonly (readonly [pattern: RegExp, build: Build])[] = [
  [/^arp who-has (\S+) tell (\S+)$/, ([target = '', sender = ''], mac) => arpRequest(sender, target, mac)],
  [/^arp (\S+) is-at (\S+)$/, ([sender = '', mac = '']) => arpReply(sender, mac)],
  [
    /^(udp|tcp) (\S+) > (\S+)$/,
    ([protocol = '', source = '', destination = '']) => ported(protocol, source, destination),
  ],
  [/^icmp6 (rs|ra) from (\S+)$/, ([type = '', source = ''], mac) => routerMessage(type, source, mac)],
  [
    /^icmp6 (ns|na) (\S+) from (\S+)$/,
    ([type = '', target = '', source = ''], mac) => neighborMessage(type, target, source, mac),
  ],
  [
    /^(icmp|icmp6|igmp) (\S+) (\S+) > (\S+)$/,
    ([protocol = '', type = '', source = '', destination = '']) =>
      typed(protocol, type, { source, destination }),
  ],
  [
    /^ip (\S+) (\S+) > (\S+)$/,
    ([protocol = '', source = '', destination = '']) => other(protocol, { source, destination }),
  ],
];

/**
 * The octets of a frame in words, such as `arp who-has 192.0.2.1 tell 192.0.2.43`, without checksums
 * and data, as no rule looks at them.
 *
 * @throws InputError that says which forms there are.
 */
export function frameFromWords(text: string, macs: Macs): Octets {
  const words = text.trim().replace(/\s+/g, ' ');
  const [prefix = '', givenSource, givenDestination] = MACS.exec(words) ?? [];
  const source = givenSource ?? macs.source;
  const payload = payloadOf(words.slice(prefix.length), source);
  const destination = givenDestination ?? groupMac(payload.destination) ?? macs.destination;
  return join(mac(destination), mac(source), u16(payload.etherType), payload.octets);
}

function payloadOf(words: string, source: string): Payload {
  for (const [pattern, build] of FORMS) {
    const match = pattern.exec(words);
    if (match !== null) return build(match.slice(1), source);
  }
  const hint = /^(udp|tcp|icmp6?|igmp|ip) [^>]*$/.test(words)
    ? 'write SOURCE > DESTINATION, in quotes, as ">" is the shell\'s own'
    : 'write it as in "vifguard explain --help"';
  throw new InputError(`${quote(words)} is not a frame in words; ${hint}`);
}

const REQUEST = 1;
const REPLY = 2;

function arpRequest(sender: string, target: string, source: string): Payload {
  const octets = arp(REQUEST, { mac: source, sender, target });
  return { etherType: 0x0806, octets, destination: BROADCAST_IPV4 };
}

function arpReply(sender: string, senderMac: string): Payload {
  if (!new RegExp(`^${MAC}$`, 'i').test(senderMac)) {
    throw new InputError(`${quote(senderMac)} is not a MAC address; write six hex pairs`);
  }
  return { etherType: 0x0806, octets: arp(REPLY, { mac: senderMac, sender, target: sender }) };
}

function arp(operation: number, ends: { mac: string; sender: string; target: string }): Octets {
  const [sender, target] = [address(ends.sender, 4), address(ends.target, 4)];
  return join(u16(1, 0x0800), u8(6, 4), u16(operation), mac(ends.mac), bits(sender), zeros(6), bits(target));
}

function ported(protocol: string, source: string, destination: string): Payload {
  const [from, to] = [endpoint(source), endpoint(destination)];
  const rest = protocol === 'udp' ? u16(8, 0) : join(zeros(8), u16(0x5002, 0xffff, 0, 0));
  return packet({
    protocol: PORTED.get(protocol) ?? 0,
    source: from.address,
    destination: to.address,
    octets: join(u16(from.port, to.port), rest),
  });
}

function routerMessage(name: string, source: string, sourceMac: string): Payload {
  const from = address(source, 6);
  const option = name === 'rs' ? linkLayerOption(1, from, sourceMac) : zeros(0);
  const body = join(zeros(name === 'rs' ? 4 : 12), option);
  return icmpv6(name, body, { from, to: parsePrefix(name === 'rs' ? 'ff02::2' : 'ff02::1') });
}

function neighborMessage(name: string, target: string, source: string, sourceMac: string): Payload {
  const [from, about] = [address(source, 6), address(target, 6)];
  const option = name === 'ns' ? linkLayerOption(1, from, sourceMac) : linkLayerOption(2, about, sourceMac);
  const to = name === 'ns' ? solicitedNodeGroups(about) : parsePrefix('ff02::1');
  return icmpv6(name, join(zeros(4), bits(about), option), { from, to });
}

/** What comes from the unspecified source carries none (RFC 4861 sections 4.1 and 4.3). */
function linkLayerOption(type: number, owner: IpPrefix, ownMac: string): Octets {
  return owner.bits === UNSPECIFIED_IPV6.bits ? zeros(0) : join(u8(type, 1), mac(ownMac));
}

function icmpv6(name: string, body: Octets, { from, to }: { from: IpPrefix; to: IpPrefix }): Payload {
  const octets = join(u8(number(name, MESSAGE_TYPES.icmp6, 255), 0), zeros(2), body);
  return packet({ protocol: TYPED.get('icmp6') ?? 0, source: from, destination: to, octets, hopLimit: 255 });
}

interface Ends {
  readonly source: string;
  readonly destination: string;
}

function typed(protocol: string, type: string, { source, destination }: Ends): Payload {
  const family = protocol === 'icmp6' ? 6 : 4;
  return packet({
    protocol: TYPED.get(protocol) ?? 0,
    source: address(source, family),
    destination: address(destination, family),
    octets: join(u8(number(type, MESSAGE_TYPES[protocol], 255)), zeros(7)),
    hopLimit: 255,
  });
}

function other(protocol: string, { source, destination }: Ends): Payload {
  const names = new Map([...NAMED_PROTOCOLS, ...TYPED, ...PORTED]);
  return packet({
    protocol: number(protocol, names, 255),
    source: address(source),
    destination: address(destination),
    octets: zeros(8),
  });
}

interface Packet {
  readonly protocol: number;
  readonly source: IpPrefix;
  readonly destination: IpPrefix;
  readonly octets: Octets;
  readonly hopLimit?: number;
}

function packet({ protocol, source, destination, octets, hopLimit = 64 }: Packet): Payload {
  if (source.family !== destination.family) {
    throw new InputError('source and destination are of two families; write two IPv4 or two IPv6 addresses');
  }
  const ends = join(bits(source), bits(destination));
  return source.family === 4
    ? {
        etherType: 0x0800,
        octets: join(
          u8(0x45, 0),
          u16(20 + octets.length, 0, 0),
          u8(hopLimit, protocol),
          zeros(2),
          ends,
          octets,
        ),
        destination,
      }
    : {
        etherType: 0x86dd,
        octets: join(u8(0x60, 0, 0, 0), u16(octets.length), u8(protocol, hopLimit), ends, octets),
        destination,
      };
}

/** The MAC of a group (RFC 1112 section 6.4, RFC 2464 section 7); undefined for one neighbour. */
function groupMac(destination: IpPrefix | undefined): string | undefined {
  if (destination === undefined) return undefined;
  const pairs = Buffer.from(bits(destination)).toString('hex').match(/../g) ?? [];
  if (prefixContains(BROADCAST_IPV4, destination)) return 'ff:ff:ff:ff:ff:ff';
  if (prefixContains(MULTICAST_IPV6, destination)) return ['33', '33', ...pairs.slice(12)].join(':');
  if (!prefixContains(MULTICAST_IPV4, destination)) return undefined;
  const [, second = '', third = '', fourth = ''] = pairs;
  const low = (Number.parseInt(second, 16) & 0x7f).toString(16).padStart(2, '0');
  return ['01', '00', '5e', low, third, fourth].join(':');
}

/** @throws InputError */
function address(text: string, family?: IpPrefix['family']): IpPrefix {
  const prefix = parsePrefix(text);
  if (isHost(prefix) && (family === undefined || family === prefix.family)) return prefix;
  throw new InputError(`${quote(text)} is not one IPv${family ?? prefix.family} address`);
}

/** `192.0.2.1:67` or `[2001:db8::1]:547`. @throws InputError */
function endpoint(text: string): { address: IpPrefix; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined) {
    throw new InputError(
      `${quote(text)} is not an address and a port; write 192.0.2.1:67 or [2001:db8::1]:547`,
    );
  }
  return { address: address(host), port: number(port, undefined, 65_535) };
}

/** A name, or the number itself. @throws InputError */
function number(text: string, names: ReadonlyMap<string, number> | undefined, largest: number): number {
  const value = names?.get(text) ?? (/^\d{1,5}$/.test(text) ? Number(text) : Number.NaN);
  if (value <= largest) return value;
  const known = names === undefined ? '' : `, or one of ${[...names.keys()].join(', ')}`;
  throw new InputError(`${quote(text)} is not a number from 0 to ${largest}${known}`);
}

function bits(prefix: IpPrefix): Octets {
  return Buffer.from(prefix.bits.toString(16).padStart(prefix.family === 4 ? 8 : 32, '0'), 'hex');
}

function mac(text: string): Octets {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function join(...parts: readonly Octets[]): Octets {
  return new Uint8Array(Buffer.concat(parts));
}

function zeros(length: number): Octets {
  return new Uint8Array(length);
}

function u8(...values: readonly number[]): Octets {
  return Uint8Array.from(values);
}

function u16(...values: readonly number[]): Octets {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}
