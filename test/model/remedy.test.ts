import test from 'ava';
import fc from 'fast-check';
import { parseMac } from '../../src/address/mac.ts';
import { BACKENDS } from '../../src/backends/names.ts';
import { parseFrame } from '../../src/model/frame.ts';
import { frameFromWords } from '../../src/model/frame-from-words.ts';
import { frameInWords } from '../../src/model/frame-in-words.ts';
import { READINGS } from '../../src/model/reading.ts';
import { remedyOf } from '../../src/model/remedy.ts';
import { judgeOfWay, type Way } from '../../src/model/way.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { DOM0_ACCESS, LINK_LOCAL, MODES, PEERS } from '../../src/policy/vocabulary.ts';
import { policy as policyOf } from '../backends/host.ts';
import { sentFrame } from '../fuzz/frames.ts';

const LOCKED = policyOf(41, { mac: parseMac('00:16:3e:00:01:00') });
const OTHER = policyOf(42, { mac: parseMac('00:16:3e:00:02:00') });

const policy: fc.Arbitrary<GuardPolicy> = fc
  .record({
    mode: fc.constantFrom(...MODES),
    dhcp: fc.boolean(),
    peers: fc.constantFrom(...PEERS),
    dom0: fc.constantFrom(...DOM0_ACCESS),
    linkLocal: fc.constantFrom(...LINK_LOCAL),
    ipv4: fc.constantFrom<GuardPolicy['ipv4']>('any', [], LOCKED.ipv4),
    ipv6: fc.constantFrom<GuardPolicy['ipv6']>('any', [], LOCKED.ipv6),
  })
  .map((fields) => ({ ...LOCKED, ...fields }));

const way: fc.Arbitrary<Way> = fc.oneof(
  fc.record({ sender: policy, receiver: fc.constantFrom('dom0' as const, 'bridge' as const, OTHER) }),
  fc.record({ sender: fc.constantFrom('uplink' as const, 'dom0' as const, OTHER), receiver: policy }),
);

const octets = fc.oneof(
  sentFrame.map((frame) => frame.octets),
  fc.uint8Array({ minLength: 14, maxLength: 200 }),
);

test('whatever the rules drop has a remedy, unless the kernel itself would discard it then', (t) => {
  const remedied = fc.property(way, octets, fc.constantFrom(...BACKENDS), (path, bytes, backend) => {
    const frame = parseFrame(bytes, READINGS[backend]);
    if (frame === undefined) return false;
    const { verdict } = judgeOfWay(path)(frame);
    const everything: Way = {
      sender: unlocked(path.sender),
      receiver: unlocked(path.receiver),
    };
    const mayPass = judgeOfWay(everything)(frame).verdict === 'accept';
    if (verdict !== 'drop') return /^[\x20-\x7e]+$/.test(frameInWords(frame));
    return remedyOf(path, frame).length > 0 === mayPass;
  });
  t.notThrows(() => fc.assert(remedied, { numRuns: 500 }));
});

function unlocked<Fixed extends string>(end: GuardPolicy | Fixed): GuardPolicy | Fixed {
  return typeof end === 'string' ? end : { ...end, mode: 'unlocked' };
}

const MACS = { source: OTHER.mac, destination: LOCKED.mac };
const BETWEEN: Way = { sender: OTHER, receiver: LOCKED };

const REMEDIES: readonly (readonly [words: string, remedy: readonly string[]])[] = [
  ['udp 192.0.2.42:1 > 192.0.2.41:2', ['sender peers=open']],
  ['udp 192.0.2.42:1 > 192.0.2.40:2', ['sender peers=open', 'receiver ip=192.0.2.40']],
  ['udp 192.0.2.40:1 > 192.0.2.41:2', ['sender ip=192.0.2.40', 'sender peers=open']],
  ['udp 192.0.2.42:67 > 192.0.2.41:68', ['sender role=dhcp-server', 'sender peers=open']],
];

for (const [words, remedy] of REMEDIES) {
  test(`between two guests: ${words}: ${remedy.join(', ')}`, (t) => {
    const frame = parseFrame(frameFromWords(words, MACS), READINGS.xtables);
    const changes = frame && remedyOf(BETWEEN, frame);
    t.deepEqual(
      changes?.map(({ side, key, value }) => `${side} ${key}=${value}`),
      remedy,
    );
  });
}
