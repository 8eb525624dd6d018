import test from 'ava';
import { execa } from 'execa';
import * as f from './index.ts';

const A = '00:16:3e:00:00:0a';
const B = '00:16:3e:00:00:0b';
const V4 = { src: '192.0.2.10', dst: '192.0.2.11' };
const V6 = { src: '2001:db8::a', dst: '2001:db8::b' };
const LL = { src: 'fe80::1', dst: 'ff02::1', hopLimit: 255 };
const MLD = { ...LL, hopLimit: 1, extensions: [f.hopByHop(f.IPV6_ROUTER_ALERT)] };
const DATA = f.ascii('0123456789abcdef');

/** What tcpdump, an independent decoder, says of a frame, with every checksum verified. */
async function decode(frame: f.Bytes): Promise<string> {
  const header = new Uint32Array([0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1, 0, 0, frame.length, frame.length]);
  const input = f.concat(new Uint8Array(header.buffer), frame);
  const { stdout } = await execa('tcpdump', ['-r', '-', '-e', '-n', '-vvv', '-t'], { input });
  return stdout.replace(/\s+/g, ' ');
}

const ether = (payload: f.NetworkLayer, header: Partial<f.EthernetHeader> = {}) =>
  f.ethernet({ src: A, dst: B, ...header }, payload);
const v4 = (payload: f.TransportLayer, header: Partial<f.Ipv4Header> = {}) =>
  ether(f.ipv4({ ...V4, ...header }, payload));
const v6 = (payload: f.TransportLayer, header: f.Ipv6Header = V6) => ether(f.ipv6(header, payload));

const [fragment1 = v4(f.udp({ srcPort: 1, dstPort: 2 })), fragment2 = fragment1] = f
  .ipv4Fragments({ ...V4, id: 7 }, f.udp({ srcPort: 1000, dstPort: 2000 }, DATA), 16)
  .map((packet) => ether(packet));
const [, last6 = fragment1] = f
  .ipv6Fragments(V6, f.udp({ srcPort: 1000, dstPort: 2000 }, DATA), { id: 9, size: 16 })
  .map((packet) => ether(packet));

const DECODED: Record<string, [f.Bytes, RegExp]> = {
  'VLAN tag': [
    ether(f.ipv4(V4, f.icmpEchoRequest(DATA)), { tags: [{ id: 5, priority: 3 }] }),
    /802\.1Q.*vlan 5, p 3, ethertype IPv4/,
  ],
  QinQ: [
    ether(f.ipv4(V4, f.icmpEchoRequest(DATA)), { tags: [{ id: 7, type: 0x88a8 }, { id: 8 }] }),
    /802\.1Q-QinQ.*vlan 7.*vlan 8/,
  ],
  SNAP: [
    f.snap({ src: A, dst: B }, f.fromHex('000000'), f.ipv4(V4, f.icmpEchoRequest(DATA))),
    /802\.3.*SNAP.*oui Ethernet.*192\.0\.2\.10 > 192\.0\.2\.11: ICMP echo request/,
  ],
  'ARP request': [
    ether(f.arp({ op: f.ARP_REQUEST, senderMac: A, senderIp: V4.src, targetIp: V4.dst })),
    /Ethernet \(len 6\), IPv4 \(len 4\), Request who-has 192\.0\.2\.11 tell 192\.0\.2\.10/,
  ],
  'ARP reply': [
    ether(f.arp({ op: f.ARP_REPLY, senderMac: A, senderIp: V4.src, targetMac: B, targetIp: V4.dst })),
    /Reply 192\.0\.2\.10 is-at 00:16:3e:00:00:0a/,
  ],
  'ICMP echo': [v4(f.icmpEchoRequest(DATA)), /ICMP echo request, id 1, seq 1, length 24/],
  'IPv4 options': [
    v4(f.igmpReport('239.0.0.1'), { options: f.IPV4_ROUTER_ALERT, ttl: 1 }),
    /options \(RA\).*igmp v2 report 239\.0\.0\.1/,
  ],
  'first fragment': [fragment1, /id 7, offset 0, flags \[\+\], proto UDP/],
  'last fragment': [fragment2, /id 7, offset 16, flags \[none\], proto UDP/],
  UDP: [v4(f.udp({ srcPort: 1000, dstPort: 2000 }, DATA)), /1000 > .*2000: \[udp sum ok\] UDP, length 16/],
  'UDP, odd length': [v6(f.udp({ srcPort: 1000, dstPort: 2000 }, f.u8(1))), /\[udp sum ok\] UDP, length 1/],
  'TCP SYN': [v6(f.tcp({ srcPort: 1000, dstPort: 22 })), /Flags \[S\], cksum 0x\w+ \(correct\)/],
  'IPv6 header chain': [
    v6(f.icmpv6EchoRequest(DATA), {
      ...V6,
      extensions: [
        f.hopByHop(),
        f.routing({ type: 0, segmentsLeft: 0, addresses: [V6.dst] }),
        f.destinationOptions(f.fromHex('1e0401020304')),
        f.authentication(9),
      ],
    }),
    /HBH \(padn\) RT6 \(len=2, type=0.*segleft=0.*DSTOPT.*AH\(.*spi=0x00000009.*ICMP6, echo request/,
  ],
  'IPv6 fragment': [last6, /frag \(0x00000009:16\|8\)/],
  NS: [
    v6(
      f.neighborSolicitation('2001:db8::b', f.sourceLinkLayer(A), f.nonceOption(f.u8(1, 2, 3, 4, 5, 6))),
      LL,
    ),
    /\[icmp6 sum ok\] ICMP6, neighbor solicitation.*who has 2001:db8::b source link-address option.*00:16:3e:00:00:0a.*option \(14\), length 8 \(1\): 0x0000: 0102 0304 0506/,
  ],
  NA: [
    v6(
      f.neighborAdvertisement({ target: '2001:db8::b', override: true, router: true }, f.targetLinkLayer(A)),
      LL,
    ),
    /neighbor advertisement.*tgt is 2001:db8::b, Flags \[router, override\] destination link-address option/,
  ],
  RS: [v6(f.routerSolicitation(f.sourceLinkLayer(A)), LL), /sum ok\] ICMP6, router solicitation/],
  RA: [
    v6(
      f.routerAdvertisement(
        { managed: true, lifetime: 60 },
        f.prefixInformation({ prefix: '2001:db8:66::' }),
        f.mtuOption(1400),
        f.rdnssOption(['2001:db8::53']),
      ),
      LL,
    ),
    /sum ok\] ICMP6, router advertisement.*\[managed\].*router lifetime 60s.*2001:db8:66::\/64.*mtu option.*1400.*2001:db8::53/,
  ],
  redirect: [
    v6(f.redirect({ target: 'fe80::1', destination: '2001:db8::b' }), LL),
    /ICMP6, redirect,.*2001:db8::b to fe80::1/,
  ],
  'MLD query': [v6(f.mldQuery(), MLD), /sum ok\] ICMP6, multicast listener query.*max resp delay: 10000/],
  'MLDv1 report': [v6(f.mldReport('ff02::7'), MLD), /listener report.*ff02::7/],
  'MLDv2 query': [v6(f.mldv2Query(), MLD), /sum ok\] ICMP6, multicast listener query v2/],
  'MLDv2 report': [v6(f.mldv2Report('ff02::7'), MLD), /multicast listener report v2, 1 group.*ff02::7 to_ex/],
  'IGMP query': [v4(f.igmpQuery()), /igmp query v2/],
  'IGMPv3 query': [v4(f.igmpv3Query()), /igmp query v3/],
  'IGMPv3 report': [v4(f.igmpv3Report('239.0.0.1')), /igmp v3 report, 1 group record.*239\.0\.0\.1 to_ex/],
  'DHCP offer': [
    v4(f.dhcp({ type: f.DHCP_OFFER, mac: A, yourIp: '192.0.2.66', serverId: '192.0.2.10' })),
    /67 > .*68: \[udp sum ok\] BOOTP\/DHCP, Reply.*Your-IP 192\.0\.2\.66.*DHCP-Message.*Offer.*Server-ID.*192\.0\.2\.10/,
  ],
  'DHCPv6 advertise': [
    v6(f.dhcpv6({ type: f.DHCPV6_ADVERTISE, mac: B, serverMac: A })),
    /547 > .*546: \[udp sum ok\] dhcp6 advertise \(xid=1 \(client-ID hwaddr type 1 00163e00000b\) \(server-ID/,
  ],
  BPDU: [
    f.bpdu({ src: A, priority: 0x1000 }),
    /STP 802\.1d, Config.*bridge-id 1000\.00:16:3e:00:00:0a\.8001/,
  ],
  LLDP: [
    ether(f.lldp(A, 'rogue'), { dst: f.LLDP_GROUP }),
    /LLDP.*00:16:3e:00:00:0a.*TTL 120s.*rogue.*End TLV/,
  ],
  VRRPv2: [
    v4(f.vrrp({ version: 2, id: 5, addresses: ['192.0.2.1'] }), { ttl: 255 }),
    /VRRPv2, Advertisement.*vrid 5.*addrs: 192\.0\.2\.1/,
  ],
  VRRPv3: [v4(f.vrrp({ id: 5, addresses: ['192.0.2.1'] }), { ttl: 255 }), /VRRPv3, Advertisement.*vrid 5/],
  HSRP: [v4(f.hsrp('192.0.2.1')), /HSRPv0-hello.*state=active.*addr=192\.0\.2\.1/],
  OSPF: [v4(f.ospf('192.0.2.10')), /OSPFv2, Hello.*Router-ID 192\.0\.2\.10/],
  OSPFv3: [v6(f.ospfv3('192.0.2.10'), LL), /OSPFv3, Hello.*Router-ID 192\.0\.2\.10/],
  PIM: [v4(f.pim()), /PIMv2.*Hello, cksum 0x\w+ \(correct\).*Hold Time.*1m45s/],
  'PIM over IPv6': [v6(f.pim6(), LL), /PIMv2.*Hello, cksum 0x\w+ \(correct\)/],
  RIP: [v4(f.rip()), /RIPv2, Response.*0\.0\.0\.0\/0.*metric: 1/],
  RIPng: [v6(f.ripng()), /ripng-resp 1:.*::\/0 \(1\)/],
  EIGRP: [v4(f.eigrp(1)), /EIGRP v2, opcode: Hello \(5\).*AS: 1.*holdtime: 15s/],
};

for (const [name, [frame, expected]] of Object.entries(DECODED)) {
  test(`tcpdump reads our ${name}`, async (t) => {
    const text = await decode(frame);
    t.regex(text, expected);
    t.notRegex(text, /incorrect|bad |wrong|invalid|truncated|\[\|/);
  });
}

test('every field can be made wrong', async (t) => {
  t.regex(await decode(v4(f.icmpEchoRequest(DATA), { checksum: 1 })), /bad cksum 1/);
  t.regex(await decode(v6(f.icmpv6EchoRequest(DATA), { ...V6, payloadLength: 0 })), /payload length: 0/);
  const arp = f.arp({ op: 9, senderMac: A, senderIp: V4.src, targetIp: V4.dst, hardwareSize: 8 });
  t.is(f.toHex(arp.bytes.subarray(0, 8)), '0001080008040009');
  const header = f.ipv4({ ...V4, version: 5, ihl: 15, totalLength: 9 }, f.icmpEchoRequest(DATA));
  t.is(f.toHex(header.bytes.subarray(0, 4)), '5f000009');
});

test('group addresses follow from the address', (t) => {
  t.is(f.multicastMac('224.0.0.18'), '01:00:5e:00:00:12');
  t.is(f.multicastMac('239.255.255.250'), '01:00:5e:7f:ff:fa');
  t.is(f.multicastMac('ff02::1:ff00:60'), '33:33:ff:00:00:60');
  t.is(f.solicitedNode('2001:db8::12:3456'), 'ff02::1:ff12:3456');
});

test('no marker comes twice', (t) => {
  const markers = Array.from({ length: 100 }, () => f.toHex(f.marker()));
  t.is(new Set(markers).size, 100);
});
