import test from 'ava';
import fc from 'fast-check';
import { parseBridgeName, parseInterfaceName } from '../../src/address/interface-name.ts';
import { parsePrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { parseDropLogPrefix } from '../../src/backends/drop-log.ts';
import { guardEntries, legacyAddresses, vifDirectives } from '../../src/config/directives.ts';
import { effectivePolicy } from '../../src/config/effective-policy.ts';
import { DEFAULT_HOST_CONFIG, parseHostConfig } from '../../src/config/host-config.ts';
import { lintDomainConfig, lintHostConfig } from '../../src/config/lint.ts';
import { parseMetricsAddress, parseTextfile } from '../../src/config/metrics-target.ts';
import { findField, splitSpec } from '../../src/config/vif-spec.ts';
import { parseXlcfg } from '../../src/config/xlcfg-parser.ts';
import { VifguardError } from '../../src/errors.ts';
import { frameFromWords } from '../../src/model/frame-from-words.ts';
import { droppedFrameOf } from '../../src/monitor/dropped-frame.ts';
import { neighbourMacs, nextHops4, nextHops6 } from '../../src/monitor/gateways.ts';
import { Holders } from '../../src/monitor/holders.ts';
import { sightingOf } from '../../src/monitor/sighting.ts';
import { bytesAttribute, nestedAttribute, parseAttributes, text, u32 } from '../../src/netlink/attributes.ts';
import { parseFdbEntry } from '../../src/netlink/fdb.ts';
import { parseIfInet6, parseIpv4Address } from '../../src/netlink/ip-address.ts';
import { parseLink } from '../../src/netlink/link.ts';
import { readAnswer } from '../../src/netlink/message.ts';
import { readGeneration } from '../../src/netlink/nftables-generation.ts';
import { parseLoggedPacket } from '../../src/netlink/packet-log.ts';
import { parseGuestAddress } from '../../src/policy/guest-address.ts';
import { policyToXenstore } from '../../src/policy/serialize.ts';
import { parseVirtualRouter } from '../../src/policy/virtual-router.ts';
import { EMPTY_REGISTRY } from '../../src/port/registry.ts';
import { parseVifPath, readVifRecord } from '../../src/xenstore/vif-record.ts';

// Whatever is read, it is decoded or refused with an error of ours: no other, and with little work.

const { defaults } = DEFAULT_HOST_CONFIG;
const MAC = parseMac('00:16:3e:00:01:00');

const TEXTS: Readonly<Record<string, (text: string) => unknown>> = {
  'a domain config': (text) => {
    const config = parseXlcfg('web1.cfg', text);
    guardEntries(config);
    legacyAddresses(config);
    return vifDirectives(config, { handle: 0, mac: MAC });
  },
  'a domain config, by lint': (text) => lintDomainConfig({ file: 'web1.cfg', text, defaults }),
  'the host config': (text) => parseHostConfig('vif-guard.conf', text),
  'the host config, by lint': (text) => lintHostConfig('vif-guard.conf', text),
  'a vif spec': (text) => [splitSpec(text), findField(text, 'ip')],
  'an entry of vifguard': (text) => directivesOf(text),
  'ip= of xenstore': (ip) => policyOfVif({ ip }),
  'vlan= of xenstore': (vlan) => policyOfVif({ ip: '192.0.2.41', vlan }),
  'the policy published': (text) => policyToXenstore(policyOfVif({ ip: '192.0.2.41' }, directivesOf(text))),
  'an address': parsePrefix,
  'an address of a guest': parseGuestAddress,
  'a virtual router': (text) => parseVirtualRouter(text.split(' ')),
  'a MAC': parseMac,
  'the name of a port': parseInterfaceName,
  'the name of a bridge': parseBridgeName,
  'the path of a vif': parseVifPath,
  'where metrics go': (text) => [
    isHandled(() => parseMetricsAddress(text)),
    isHandled(() => parseTextfile(text)),
  ],
  'the prefix of a logged packet': parseDropLogPrefix,
  'tables of routes and neighbours': (text) => [nextHops4(text), nextHops6(text), neighbourMacs(text)],
  'a frame in words': (text) => frameFromWords(text, { source: MAC, destination: MAC }),
};

function directivesOf(entry: string) {
  const config = parseXlcfg('web1.cfg', `vifguard = [ '${entry.replaceAll(/['\n]/g, '')}' ]\n`);
  return vifDirectives(config, { handle: 0, mac: MAC });
}

function policyOfVif(vif: { ip?: string; vlan?: string }, directives = directivesOf('')) {
  return effectivePolicy({ path: 'backend/vif/1/0', vif: { mac: MAC, ...vif }, directives, defaults });
}

/** What the texts are made of, what others take for more than text, and Unicode. */
const WORDS = [
  ...'[]{}(),;=+#\'"\\/:.*?$`&|<>!~%@^-_ \t\r\n\0',
  ...['0', '1', '42', '4294967296', '-1', '0x10', '1e9', '00:16:3e:00:01:00', '192.0.2.41', '::', 'fe80::1'],
  ...['2001:db8::/32', '/0', '/129', 'any', 'on', 'off', 'ip', 'mac', 'vif', 'vifguard', 'mode', 'locked'],
  ...['peers=', 'role=', 'router', 'vrrp=', 'dom0=', 'link-local=', 'dhcp=', 'bridge=', 'name', 'backend'],
  ...[
    'xtables',
    'nftables',
    'domain_configs',
    '#ipv6=',
    '"""',
    'arp',
    'who-has',
    'tell',
    'udp',
    'icmp6',
    'ns',
  ],
  ...[
    'from',
    'backend/vif/1/0',
    '/local/domain/0/',
    '__proto__',
    'constructor',
    '$(reboot)',
    '; DROP',
    '../..',
  ],
  ...['\x1b[2J', '\u202e', '\ud800', 'ż', '🦊', '\u0660', '１', 'İ', '\ufeff'],
];
const soup = fc
  .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 4 })), { maxLength: 30 })
  .map((words) => words.join(''));

/** Whether it ends with a value or an error of ours. */
function isHandled(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof VifguardError) return /^[\x20-\x7e’]*$/.test(error.message);
    throw error;
  }
}

for (const [what, decode] of Object.entries(TEXTS)) {
  test(`${what}: any text is decoded, or refused in one line without a control character`, (t) => {
    const property = fc.property(soup, (text) => isHandled(() => decode(text)));
    t.notThrows(() => fc.assert(property, { numRuns: 2000 }));
  });

  test(`${what}: a long text is little work`, (t) => {
    const before = process.cpuUsage();
    for (const word of WORDS) isHandled(() => decode(word.repeat(20_000)));
    // A hundred times what it is, and far below what a square of the length would be.
    t.true(process.cpuUsage(before).user < 20e6);
  });
}

const link = Buffer.concat([
  Buffer.alloc(16, 1),
  text(3).write('vif1.0'),
  u32(4).write(1500),
  nestedAttribute(18, [text(1).write('bridge'), nestedAttribute(2, [u32(1).write(1)])]),
  nestedAttribute(18, [text(4).write('bridge'), nestedAttribute(5, [Buffer.from([5, 0, 1, 0, 1, 0, 0, 0])])]),
]);
/** Any octets, and those of a message with a few changed or its end missing. */
function mangled(message: Uint8Array) {
  const last = message.length - 1;
  return fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc
      .tuple(
        fc.array(fc.tuple(fc.nat(last), fc.nat(255)), { maxLength: 4 }),
        fc.oneof(fc.nat(message.length), fc.constant(message.length)),
      )
      .map(([changes, keep]) => {
        const copy = Uint8Array.from(message);
        for (const [at, value] of changes) copy[at] = value;
        return copy.subarray(0, keep);
      }),
  );
}
const octets = mangled(link);

const NETLINK: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  'netlink attributes': parseAttributes,
  'a link': parseLink,
  'an FDB entry': parseFdbEntry,
  'an IPv4 address': parseIpv4Address,
  'IPv6 addresses': (bytes) => parseIfInet6(bytes.toString('latin1'), 7),
  'the end of an answer': (payload) => readAnswer([{ type: 2, flags: 0x200, payload }]),
  'the end of a dump': (payload) => readAnswer([{ type: 3, flags: 0x210, payload }]),
  'the generation of nf_tables': (payload) => readGeneration([{ type: 0x0a0f, flags: 0, payload }]),
  'the generation, behind its header': (octets) => {
    const payload = Buffer.concat([Buffer.alloc(4), bytesAttribute(1, octets.subarray(0, 6))]);
    return readGeneration([{ type: 0x0a0f, flags: 0, payload }]);
  },
};

/** An ARP reply as ebtables logs it. */
const logged = Buffer.concat([
  Buffer.of(7, 0, 0x56, 0x47),
  bytesAttribute(1, Buffer.of(0x08, 0x06, 0, 0)),
  bytesAttribute(6, Buffer.of(0, 0, 0, 1)),
  text(10).write('vifguard/arp-spoof'),
  nestedAttribute(20, [bytesAttribute(1, Buffer.of(0x81, 0)), bytesAttribute(2, Buffer.of(0, 7))]),
  bytesAttribute(21, Buffer.from('ffffffffffff00163e0001000806', 'hex')),
  bytesAttribute(9, Buffer.from('000108000604000200163e000100c0000201000000000000c0000209', 'hex')),
]);
const PACKET = 0x0400;

test('a logged packet: any octets are decoded and told of, or refused', (t) => {
  const holders = new Holders(EMPTY_REGISTRY, [], []);
  let told = 0;
  const property = fc.property(mangled(logged), (bytes) =>
    isHandled(() => {
      const packet = parseLoggedPacket({ type: PACKET, flags: 0, payload: Buffer.from(bytes) });
      const frame = packet && droppedFrameOf(packet);
      if (frame === undefined) return;
      sightingOf(frame, { port: 'vif1.0', registry: EMPTY_REGISTRY, holders });
      told += 1;
    }),
  );
  t.notThrows(() => fc.assert(property, { numRuns: 20_000 }));
  t.true(told > 1000);
});

for (const [what, decode] of Object.entries(NETLINK)) {
  test(`${what}: any octets are decoded, or refused`, (t) => {
    const property = fc.property(octets, (bytes) => isHandled(() => decode(Buffer.from(bytes))));
    t.notThrows(() => fc.assert(property, { numRuns: 5000 }));
  });
}

test('a vif’s record: any values are read, or refused', async (t) => {
  const value = fc.option(soup, { nil: undefined });
  const property = fc.asyncProperty(fc.array(value, { maxLength: 30 }), async (values) => {
    const read = async () => values.at(-1);
    const readAll = async (paths: readonly string[]) => paths.map((_, index) => values[index]);
    const view = { read, readAll } as unknown as Parameters<typeof readVifRecord>[0];
    const { mac, ip } = await readVifRecord(view, 'backend/vif/1/0');
    return (
      isHandled(() => mac !== undefined && parseMac(mac)) && isHandled(() => policyOfVif({ ip: ip ?? '' }))
    );
  });
  await t.notThrowsAsync(() => fc.assert(property, { numRuns: 1000 }));
});
