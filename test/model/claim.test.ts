import test from 'ava';
import { parsePrefix } from '../../src/address/ip.ts';
import { claimInWords, claimOf } from '../../src/model/claim.ts';
import { parseFrame } from '../../src/model/frame.ts';
import { frameFromWords } from '../../src/model/frame-from-words.ts';
import { READINGS } from '../../src/model/reading.ts';
import type { Reason } from '../../src/rules/reason.ts';
import { policy } from '../backends/host.ts';

const OWN = '00:16:3e:00:00:41';
const POLICY = policy(0x41, { ipv4: [parsePrefix('192.0.2.41')] });

const cases: [reason: Reason, words: string, claim: string | undefined][] = [
  [
    'mac-spoof',
    '00:16:3e:00:00:42 > ff:ff:ff:ff:ff:ff, udp 192.0.2.41:9 > 192.0.2.1:9',
    'claims 00:16:3e:00:00:42',
  ],
  ['arp-spoof', `arp 192.0.2.1 is-at ${OWN}`, 'claims 192.0.2.1'],
  ['arp-spoof', 'arp 192.0.2.1 is-at 00:16:3e:00:00:42', 'claims 192.0.2.1'],
  ['arp-spoof', 'arp 192.0.2.41 is-at 00:16:3e:00:00:42', 'claims 00:16:3e:00:00:42'],
  ['arp-spoof', 'arp who-has 192.0.2.9 tell 192.0.2.1', 'claims 192.0.2.1'],
  ['arp-spoof', 'arp who-has 192.0.2.1 tell 0.0.0.0', 'probes for 192.0.2.1'],
  ['ipv4-spoof', 'udp 192.0.2.66:9 > 192.0.2.1:9', 'claims 192.0.2.66'],
  ['ipv6-spoof', 'udp [2001:db8::66]:9 > [2001:db8::1]:9', 'claims 2001:db8::66'],
  ['nd-spoof', 'icmp6 na 2001:db8::1 from 2001:db8::41', 'claims 2001:db8::1'],
  ['nd-spoof', 'icmp6 ns 2001:db8::1 from ::', 'probes for 2001:db8::1'],
  ['dhcp-server', 'udp 192.0.2.41:67 > 255.255.255.255:68', undefined],
  ['arp-spoof', 'udp 192.0.2.41:67 > 255.255.255.255:68', undefined],
];

for (const [reason, words, expected] of cases) {
  test(`${reason}, ${words}: ${expected}`, (t) => {
    const octets = frameFromWords(words, { source: OWN, destination: 'ff:ff:ff:ff:ff:ff' });
    const frame = parseFrame(octets, READINGS.xtables);
    const claim = frame && claimOf(reason, frame, POLICY);
    t.is(claim && claimInWords(claim, undefined), expected);
    if (claim !== undefined) t.is(claimInWords(claim, 'web2'), `${expected} (web2)`);
  });
}
