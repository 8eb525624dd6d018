import fc from 'fast-check';
import * as f from '../frames/index.ts';
import { DOMIDS, extraMac, GUESTS, guestStation, SECOND_ROUTER, STATIONS, type Station } from './stations.ts';

/** Who sends: a guest by its domid, or the gateway behind the uplink. */
export type Sender = number | 'gateway';

export interface SentFrame {
  readonly sender: Sender;
  readonly octets: f.Bytes;
}

/** Frames of all kinds from all senders: built to a form, built and then damaged, or pure noise. */
export const sentFrame: fc.Arbitrary<SentFrame> = fc
  .oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: GUESTS }) },
    { weight: 1, arbitrary: fc.constant('gateway' as const) },
  )
  .chain((sender) => framesFrom(sender).map((octets) => ({ sender, octets })));

const known = new Map<Sender, fc.Arbitrary<f.Bytes>>();

/** Made once a sender, which takes longer than a frame does. */
function framesFrom(sender: Sender): fc.Arbitrary<f.Bytes> {
  const frames =
    known.get(sender) ??
    fc.oneof(
      { weight: 14, arbitrary: wellFormed(sender) },
      { weight: 5, arbitrary: damaged(wellFormed(sender)) },
      { weight: 1, arbitrary: noise(sender) },
    );
  known.set(sender, frames);
  return frames;
}

const SHORTEST = 14;
const LONGEST = 1514;

function damaged(frames: fc.Arbitrary<f.Bytes>): fc.Arbitrary<f.Bytes> {
  const change = fc.record({ at: fc.nat(120), value: fc.nat(255) });
  const damage = fc.record({
    changes: fc.array(change, { maxLength: 3 }),
    keep: fc.option(fc.nat(120)),
    append: fc.uint8Array({ maxLength: 12 }),
  });
  return fc.tuple(frames, damage).map(([frame, { changes, keep, append }]) => {
    const cut = frame.slice(0, keep === null ? LONGEST : Math.max(keep, SHORTEST));
    for (const { at, value } of changes) if (at < cut.length) cut[at] = value;
    return f.concat(cut, append).subarray(0, LONGEST);
  });
}

function noise(sender: Sender): fc.Arbitrary<f.Bytes> {
  const etherType = fc.oneof(fc.constantFrom(0x0800, 0x0806, 0x86dd), fc.nat(0xffff));
  return fc
    .tuple(macs(sender), etherType, fc.uint8Array({ maxLength: 120 }))
    .map(([{ src, dst }, type, body]) => f.concat(f.mac(dst), f.mac(src), f.u16(type), body));
}

function wellFormed(sender: Sender): fc.Arbitrary<f.Bytes> {
  return fc.oneof(
    { weight: 3, arbitrary: framed(sender, arpMessage(sender)) },
    { weight: 6, arbitrary: framed(sender, ipv4Packet(sender)) },
    { weight: 9, arbitrary: framed(sender, ipv6Packet(sender)) },
    { weight: 1, arbitrary: framed(sender, otherPayload) },
  );
}

// Octets that make most frames unlike any other, and a part of which may be missing.
const marker = fc.uint8Array({ minLength: 6, maxLength: 6 });
const data = fc.oneof(marker, fc.uint8Array({ maxLength: 40 }));

/** The sender itself for the most part. */
function speaker(sender: Sender): fc.Arbitrary<Station> {
  const self = sender === 'gateway' ? SECOND_ROUTER : guestStation(sender);
  return mostly(self, STATIONS, 6);
}

const anyStation = fc.constantFrom(...STATIONS);

function mostly<Value>(usual: Value, values: readonly Value[], weight = 4): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
}

function rarely<Value>(value: fc.Arbitrary<Value>, weight = 24): fc.Arbitrary<Value | undefined> {
  return fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

function macs(sender: Sender): fc.Arbitrary<{ src: string; dst: string }> {
  const extra = sender === 'gateway' ? [] : [extraMac(sender), '33:33:00:00:00:01', '00:00:00:00:00:00'];
  const sources = fc.oneof(
    { weight: 12, arbitrary: speaker(sender).map(({ mac }) => mac) },
    { weight: 1, arbitrary: fc.constantFrom(SECOND_ROUTER.mac, ...extra) },
  );
  const destinations = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(f.BROADCAST, '33:33:00:00:00:01', '01:00:5e:00:00:01') },
    { weight: 3, arbitrary: anyStation.map(({ mac }) => mac) },
    { weight: 1, arbitrary: fc.nat(15).map((last) => `01:80:c2:00:00:0${last.toString(16)}`) },
  );
  return fc.record({ src: sources, dst: destinations });
}

const tag = fc.record({ id: fc.constantFrom(0, 1, 7, 4095), type: fc.constantFrom(0x8100, 0x88a8, 0x9100) });

function framed(sender: Sender, payload: fc.Arbitrary<f.NetworkLayer>): fc.Arbitrary<f.Bytes> {
  const form = fc.record({
    macs: macs(sender),
    tags: rarely(fc.array(tag, { minLength: 1, maxLength: 2 })),
    etherType: rarely(fc.constantFrom(0x0800, 0x0806, 0x86dd, 0x8864, 0x88cc, 0x05dc)),
    trailer: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: data }),
    llc: rarely(fc.constantFrom('llc', 'snap')),
  });
  return fc.tuple(form, payload).map(([{ macs, llc, ...options }, layer]) => {
    const header = { ...macs, ...defined(options) };
    if (llc === 'llc') return f.llc({ ...header, dsap: 0x42, ssap: 0x42 }, layer.bytes);
    return llc === 'snap' ? f.snap(header, f.zeros(3), layer) : f.ethernet(header, layer);
  });
}

type Defined<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Defined<Fields>;
}

const otherPayload = fc
  .tuple(fc.constantFrom(0x8035, 0x888e, 0x88cc, 0x8847, 0x0842), fc.uint8Array({ maxLength: 60 }))
  .map(([etherType, bytes]) => f.rawNetwork(etherType, bytes));

const ODD_IPV4 = [
  ...['0.0.0.0', '255.255.255.255', '192.0.2.255', '127.0.0.1', '169.254.1.1', '0.0.0.1'],
  ...['224.0.0.1', '224.0.0.18', '224.0.0.251', '239.1.2.3'],
  ...DOMIDS.flatMap((domid) => [`198.51.100.${16 * domid + 3}`, `203.0.113.${16 * domid + 8}`]),
];
const ODD_IPV6 = [
  ...['::', '::1', 'ff02::1', 'ff02::2', 'ff02::16', 'ff02::1:2', 'ff05::1:3', '::ffff:c000:201', 'fec0::1'],
  ...DOMIDS.flatMap((domid) => [`2001:db8:${domid}::77`, `2001:db8:0:fffe::${domid}`, `fe80::${domid}:1`]),
  ...STATIONS.flatMap(({ ip6, linkLocal }) => [f.solicitedNode(ip6), f.solicitedNode(linkLocal)]),
];

function source4(sender: Sender): fc.Arbitrary<string> {
  const self = speaker(sender).map(({ ip }) => ip);
  return fc.oneof({ weight: 4, arbitrary: self }, { weight: 2, arbitrary: fc.constantFrom(...ODD_IPV4) });
}

function source6(sender: Sender): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: speaker(sender).map(({ ip6 }) => ip6) },
    { weight: 3, arbitrary: speaker(sender).map(({ linkLocal }) => linkLocal) },
    { weight: 2, arbitrary: fc.constantFrom(...ODD_IPV6) },
    { weight: 1, arbitrary: fc.constant('::') },
  );
}

const target4 = fc.oneof(
  anyStation.map(({ ip }) => ip),
  fc.constantFrom(...ODD_IPV4),
);
const target6 = fc.oneof(
  anyStation.map(({ ip6 }) => ip6),
  anyStation.map(({ linkLocal }) => linkLocal),
  fc.constantFrom(...ODD_IPV6),
);

function arpMessage(sender: Sender): fc.Arbitrary<f.NetworkLayer> {
  const fields = fc.record({
    op: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(1, 2) }, { weight: 1, arbitrary: fc.nat(10) }),
    senderMac: speaker(sender).map(({ mac }) => mac),
    senderIp: source4(sender),
    targetMac: anyStation.map(({ mac }) => mac),
    targetIp: target4,
    hardwareType: rarely(fc.constantFrom(0, 6)),
    protocolType: rarely(fc.constantFrom(0x86dd, 0)),
    hardwareSize: rarely(fc.constantFrom(0, 4, 8)),
    protocolSize: rarely(fc.constantFrom(0, 16)),
  });
  return fc.tuple(fields, rarely(fc.constant(true), 6)).map(([message, isGratuitous]) =>
    f.arp({
      ...message,
      ...defined(message),
      ...(isGratuitous ? { targetIp: message.senderIp } : {}),
    } as f.Arp),
  );
}

const PORTS = [
  67, 68, 546, 547, 269, 520, 521, 646, 654, 698, 914, 6696, 1985, 3222, 2029, 53, 9, 0, 32767, 32768, 65535,
];
const port = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PORTS) },
  { weight: 1, arbitrary: fc.nat(65535) },
);
const ports = fc.oneof(
  { weight: 2, arbitrary: fc.record({ srcPort: port, dstPort: port }) },
  { weight: 1, arbitrary: fc.constantFrom({ srcPort: 68, dstPort: 67 }, { srcPort: 546, dstPort: 547 }) },
);
const udp = fc.tuple(ports, data).map(([header, bytes]) => f.udp(header, bytes));
const tcp = fc.tuple(ports, data).map(([header, bytes]) => f.tcp(header, bytes));

const PROTOCOLS = [
  0, 1, 2, 3, 4, 6, 8, 9, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 88, 89, 103, 112, 124, 132, 135, 139, 140,
];
const protocol = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PROTOCOLS) },
  { weight: 1, arbitrary: fc.nat(255) },
);
const raw = fc.tuple(protocol, data).map(([number, bytes]) => f.rawTransport(number, bytes));

const icmp = fc
  .tuple(fc.oneof(fc.constantFrom(0, 3, 5, 8, 9, 10, 11), fc.nat(255)), fc.nat(16), data)
  .map(([type, code, bytes]) => f.icmp({ type, code }, f.concat(f.u32(0), bytes)));
const igmp = fc
  .tuple(fc.oneof(fc.constantFrom(0x11, 0x12, 0x13, 0x16, 0x17, 0x22, 0x30), fc.nat(255)), data)
  .map(([type, bytes]) => f.igmp(type, 0, f.concat(f.ip('239.1.2.3'), bytes)));

/** A transport that may be cut short. */
function cut(layer: fc.Arbitrary<f.TransportLayer>): fc.Arbitrary<f.TransportLayer> {
  return fc
    .tuple(layer, rarely(fc.nat(12), 10))
    .map(([whole, keep]) =>
      keep === undefined
        ? whole
        : { protocol: whole.protocol, bytes: (ends) => whole.bytes(ends).subarray(0, keep) },
    );
}

function ipv4Packet(sender: Sender): fc.Arbitrary<f.NetworkLayer> {
  const header = fc.record({
    src: source4(sender),
    dst: target4,
    id: fc.nat(0xffff),
    ttl: fc.constantFrom(1, 64, 255),
    moreFragments: rarely(fc.constant(true), 8),
    fragmentOffset: rarely(fc.constantFrom(1, 8, 0x1fff), 8),
    options: rarely(fc.constantFrom(f.IPV4_ROUTER_ALERT, f.zeros(40)), 8),
    version: rarely(fc.constantFrom(0, 5, 6, 15)),
    ihl: rarely(fc.constantFrom(0, 4, 6, 15)),
    totalLength: rarely(fc.constantFrom(0, 20, 24, 0xffff)),
    protocol: rarely(protocol),
  });
  return fc
    .tuple(header, cut(fc.oneof(udp, tcp, icmp, igmp, raw)))
    .map(([fields, payload]) => f.ipv4({ ...defined(fields), src: fields.src, dst: fields.dst }, payload));
}

const extension = fc.oneof(
  fc.constantFrom(f.hopByHop(f.IPV6_ROUTER_ALERT), f.hopByHop(), f.destinationOptions(), f.authentication(1)),
  fc.record({ type: fc.constantFrom(0, 2, 4), segmentsLeft: fc.nat(1) }).map(f.routing),
  fc.record({ offset: fc.constantFrom(0, 0, 1, 2), more: fc.boolean(), id: fc.nat(0xffff) }).map(f.fragment),
  fc.tuple(fc.constantFrom(0, 43, 51, 60), fc.nat(3), fc.uint8Array({ minLength: 6, maxLength: 14 })).map(
    ([number, length, body]): f.ExtensionHeader => ({
      protocol: number,
      bytes: (next) => f.concat(f.u8(next, length), body),
    }),
  ),
);

function ipv6Packet(sender: Sender): fc.Arbitrary<f.NetworkLayer> {
  const header = fc.record({
    src: source6(sender),
    dst: target6,
    flowLabel: fc.nat(0xfffff),
    hopLimit: fc.constantFrom(255, 255, 255, 64, 1),
    extensions: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(extension, { minLength: 1, maxLength: 3 }) },
    ),
    version: rarely(fc.constantFrom(0, 4, 7)),
    payloadLength: rarely(fc.nat(80), 10),
    nextHeader: rarely(protocol),
  });
  const payload = cut(
    fc.oneof(
      { weight: 3, arbitrary: neighborDiscovery(sender) },
      { weight: 2, arbitrary: fc.oneof(udp, tcp) },
      { weight: 2, arbitrary: fc.oneof(icmpv6, mld) },
      { weight: 1, arbitrary: raw },
    ),
  );
  return fc
    .tuple(header, payload)
    .map(([fields, layer]) => f.ipv6({ ...defined(fields), src: fields.src, dst: fields.dst }, layer));
}

const icmpv6 = fc
  .tuple(fc.oneof(fc.integer({ min: 127, max: 163 }), fc.nat(255)), fc.nat(2), data)
  .map(([type, code, bytes]) => f.icmpv6({ type, code }, f.concat(f.u32(0), bytes)));
const mld = fc.constantFrom(
  f.mldQuery(),
  f.mldv2Query(),
  f.mldReport('ff02::fb'),
  f.mldDone('ff02::fb'),
  f.mldv2Report('ff02::fb'),
);

function neighborDiscovery(sender: Sender): fc.Arbitrary<f.TransportLayer> {
  const linkLayer = speaker(sender).map(({ mac }) => mac);
  const option = fc.oneof(
    linkLayer.map(f.sourceLinkLayer),
    linkLayer.map(f.targetLinkLayer),
    fc.uint8Array({ minLength: 6, maxLength: 6 }).map(f.nonceOption),
    fc.constant(f.mtuOption(1280)),
    fc.tuple(fc.nat(25), fc.uint8Array({ maxLength: 14 })).map(([type, bytes]) => f.ndOption(type, bytes)),
  );
  const options = fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 4, arbitrary: fc.array(option, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(option, { maxLength: 3 }) },
  );
  const target = fc.oneof(source6(sender), target6);
  const flags = { router: fc.boolean(), solicited: fc.boolean(), override: fc.boolean() };
  return fc.oneof(
    options.map((list) => f.routerSolicitation(...list)),
    fc.tuple(target, options).map(([address, list]) => f.neighborSolicitation(address, ...list)),
    fc
      .tuple(fc.record({ target, ...flags }), options)
      .map(([fields, list]) => f.neighborAdvertisement(fields, ...list)),
    options.map((list) => f.routerAdvertisement({}, ...list)),
    fc
      .tuple(target, target, options)
      .map(([to, of, list]) => f.redirect({ target: to, destination: of }, ...list)),
  );
}
