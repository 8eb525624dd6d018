import test from 'ava';
import { execa } from 'execa';
import { InputError } from '../../src/errors.ts';
import { parseFrame } from '../../src/model/frame.ts';
import { frameFromWords } from '../../src/model/frame-from-words.ts';
import { frameInWords } from '../../src/model/frame-in-words.ts';
import { READINGS } from '../../src/model/reading.ts';
import { pcapOf } from '../fuzz/pcap.ts';

const MACS = { source: '00:16:3e:00:01:00', destination: '02:00:00:00:00:01' };
const TO_NEIGHBOR = '00:16:3e:00:01:00 > 02:00:00:00:00:01';

/** Words, and how tcpdump, an independent decoder, tells the same frame. */
const FRAMES: readonly (readonly [words: string, decoded: RegExp, inWords?: string])[] = [
  [
    'arp who-has 192.0.2.1 tell 192.0.2.43',
    /^00:16:3e:00:01:00 > ff:ff:ff:ff:ff:ff.*Request who-has 192\.0\.2\.1 tell 192\.0\.2\.43, /,
  ],
  [
    'arp 192.0.2.1 is-at 00:16:3e:00:00:99',
    /> 02:00:00:00:00:01.*Reply 192\.0\.2\.1 is-at 00:16:3e:00:00:99/,
  ],
  [
    'udp 192.0.2.1:67 > 255.255.255.255:68',
    /> ff:ff:ff:ff:ff:ff.* 192\.0\.2\.1\.67 > 255\.255\.255\.255\.68: /,
  ],
  ['udp [2001:db8::1]:53 > [2001:db8::2]:1024', / 2001:db8::1\.53 > 2001:db8::2\.1024: /],
  ['tcp 192.0.2.43:1024 > 192.0.2.1:22', / 192\.0\.2\.43\.1024 > 192\.0\.2\.1\.22: Flags \[S\]/],
  ['icmp echo-request 192.0.2.43 > 192.0.2.1', / 192\.0\.2\.43 > 192\.0\.2\.1: ICMP echo request/],
  ['icmp redirect 192.0.2.43 > 192.0.2.1', /proto ICMP \(1\), length 28/],
  ['igmp query 192.0.2.43 > 224.0.0.1', /> 01:00:5e:00:00:01.*: igmp query v/],
  ['icmp6 mld-query fe80::1 > ff02::1', /> 33:33:00:00:00:01.*fe80::1 > ff02::1: .*multicast listener query/],
  ['icmp6 200 fe80::1 > ff02::1', /ICMP6, mtrace response/],
  ['icmp6 ra from fe80::1', /fe80::1 > ff02::1: .*ICMP6, router advertisement/, 'icmp6 ra fe80::1 > ff02::1'],
  [
    'icmp6 rs from fe80::1',
    /fe80::1 > ff02::2: .*router solicitation.*source link-address option.*00:16:3e:00:01:00/,
    'icmp6 rs fe80::1 > ff02::2',
  ],
  [
    'icmp6 ns 2001:db8::12:3456 from ::',
    /> 33:33:ff:12:34:56.* :: > ff02::1:ff12:3456: .*neighbor solicitation, length 24, who has 2001:db8::12:3456$/,
  ],
  ['icmp6 ns 2001:db8::1 from fe80::1', /who has 2001:db8::1 source link-address option.*00:16:3e:00:01:00/],
  [
    'icmp6 na 2001:db8::1 from fe80::1',
    /fe80::1 > ff02::1: .*neighbor advertisement.*tgt is 2001:db8::1.*destination link-address option.*00:16:3e:00:01:00/,
  ],
  ['ip ospf 192.0.2.43 > 224.0.0.5', /> 01:00:5e:00:00:05.*192\.0\.2\.43 > 224\.0\.0\.5: .*ospf/],
  ['ip 253 2001:db8::1 > 2001:db8::2', / 2001:db8::1 > 2001:db8::2: .*253/],
];

test('a frame in words is the frame that tcpdump makes the same words of', async (t) => {
  const input = pcapOf(FRAMES.map(([words]) => frameFromWords(words, MACS)));
  const { stdout } = await execa('tcpdump', ['-r', '-', '-e', '-n', '-vv', '-t'], { input });
  const decoded = stdout.replace(/\n\s+/g, ' ').split('\n');
  t.is(decoded.length, FRAMES.length);
  for (const [index, [, pattern]] of FRAMES.entries()) t.regex(decoded[index]?.trim() ?? '', pattern);
});

test('a frame tells itself in the words that it is made of', (t) => {
  for (const [words, , inWords = words] of FRAMES) {
    const frame = parseFrame(frameFromWords(words, MACS), READINGS.xtables);
    t.regex(frame === undefined ? '' : frameInWords(frame), /^[\da-f:]{17} > [\da-f:]{17}, /);
    t.is(frame && frameInWords(frame).replace(/^.{17} > .{17}, /, ''), inWords);
  }
});

test('MACs may stand in front, and blanks are free', (t) => {
  const octets = frameFromWords(
    ' 00:16:3E:00:00:99 > ff:ff:ff:ff:ff:ff,  udp  192.0.2.1:1 > 192.0.2.2:2 ',
    MACS,
  );
  const frame = parseFrame(octets, READINGS.xtables);
  t.is(frame?.source, '00:16:3e:00:00:99');
  t.is(frame?.destination, 'ff:ff:ff:ff:ff:ff');
});

const OTHERS: readonly (readonly [hex: string, inWords: string])[] = [
  ['8100 0005 0800', 'tagged (ethertype 0x8100)'],
  ['0003 424203', 'LLC'],
  ['88cc 0207', 'ethertype 0x88cc'],
  ['0806 0001', 'malformed arp'],
  ['0800 45', 'malformed ipv4'],
  ['0806 0001 0800 0604 0003 00163e000100 c0000201 000000000000 c0000202', 'arp operation 3 from 192.0.2.1'],
  ['0800 45000014 00000008 40110000 c0000201 c0000202', 'ip 17 192.0.2.1 > 192.0.2.2'],
];

test('what no words make is told too', (t) => {
  for (const [hex, inWords] of OTHERS) {
    const octets = Buffer.from(`02000000000100163e000100${hex.replaceAll(' ', '')}`, 'hex');
    const frame = parseFrame(octets, READINGS.xtables);
    t.is(frame && frameInWords(frame), `${TO_NEIGHBOR}, ${inWords}`);
  }
});

const WRONG: readonly (readonly [words: string, message: RegExp])[] = [
  ['', /^"" is not a frame in words; .*--help/],
  ['udp 192.0.2.1:67', /^"udp 192\.0\.2\.1:67" is not a frame .* SOURCE > DESTINATION, in quotes/],
  ['arp who-has 192.0.2.300 tell 192.0.2.1', /^"192\.0\.2\.300" is not an IP address/],
  ['arp who-has 192.0.2.0/24 tell 192.0.2.1', /^"192\.0\.2\.0\/24" is not one IPv4 address/],
  ['arp 192.0.2.1 is-at 99', /^"99" is not a MAC address/],
  ['udp 192.0.2.1 > 192.0.2.2:1', /^"192\.0\.2\.1" is not an address and a port/],
  ['udp 192.0.2.1:65536 > 192.0.2.2:1', /^"65536" is not a number from 0 to 65535$/],
  ['udp 192.0.2.1:1 > [2001:db8::1]:1', /two families/],
  ['icmp6 pong fe80::1 > ff02::1', /^"pong" is not a number from 0 to 255, or one of .*, ra, /],
];

for (const [words, message] of WRONG) {
  test(`"${words}" is no frame`, (t) => {
    t.throws(() => frameFromWords(words, MACS), { instanceOf: InputError, message });
  });
}
