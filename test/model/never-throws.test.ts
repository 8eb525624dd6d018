import test from 'ava';
import fc from 'fast-check';
import { parseMac } from '../../src/address/mac.ts';
import { parseFrame } from '../../src/model/frame.ts';
import { judgeFromGuest, judgeToDom0, judgeToGuest } from '../../src/model/judge.ts';
import { READINGS } from '../../src/model/reading.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { MODES } from '../../src/policy/vocabulary.ts';
import { guardOf } from '../../src/rules/guard.ts';
import { REASONS } from '../../src/rules/reason.ts';
import { sentFrame } from '../fuzz/frames.ts';

const POLICY: GuardPolicy = {
  mode: 'locked',
  mac: parseMac('00:16:3e:00:01:00'),
  extraMacs: [],
  ipv4: 'any',
  ipv6: 'any',
  linkLocal: 'any',
  dhcp: true,
  peers: 'open',
  dom0: 'icmp',
  roles: [],
  virtualRouters: [],
};

const anyOctets = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  sentFrame.map(({ octets }) => octets),
  fc.tuple(sentFrame, fc.nat(200)).map(([{ octets }, length]) => octets.subarray(0, length)),
);

test('any octets get a judgement, and a drop has a reason', (t) => {
  const policy = fc.constantFrom(...MODES).map((mode) => ({ ...POLICY, mode }));
  const reading = fc.constantFrom(...Object.values(READINGS));
  const origin = fc.constantFrom('uplink' as const, 'dom0' as const, { peer: true, isolated: true });
  const judged = fc.property(anyOctets, reading, policy, origin, (octets, read, { mode, ...rest }, from) => {
    const frame = parseFrame(octets, read);
    if (frame === undefined) return octets.length < 14;
    const guard = guardOf({ ...rest, mode });
    const judgements = [
      judgeFromGuest(guard, frame),
      judgeToDom0(guard, frame),
      judgeToGuest(guard, frame, from),
    ];
    return judgements.every(
      (judgement) => judgement.verdict !== 'drop' || Object.hasOwn(REASONS, judgement.reason),
    );
  });
  t.notThrows(() => fc.assert(judged, { numRuns: 5000 }));
});

/** Counts the parts that are looked at, of it and of its parts. */
class CountedOctets extends Uint8Array {
  static looks = 0;

  override subarray(from?: number, to?: number): Uint8Array<ArrayBuffer> {
    CountedOctets.looks += 1;
    return super.subarray(from, to) as Uint8Array<ArrayBuffer>;
  }
}

test('in the longest frame of the worst header chain each header is looked at a few times', (t) => {
  const frame = new CountedOctets(65_600);
  frame.set([0x86, 0xdd, 0x60, 0, 0, 0, 0xff, 0xff, 60, 255], 12);
  for (let at = 54; at < frame.length; at += 8) frame[at] = 60;
  CountedOctets.looks = 0;
  const parsed = parseFrame(frame, READINGS.xtables);
  t.is(parsed?.ipv6?.chain.end, 'incomplete');
  const headers = (frame.length - 54) / 8;
  t.true(CountedOctets.looks > headers && CountedOctets.looks < 4 * headers, `${CountedOctets.looks}`);
});
