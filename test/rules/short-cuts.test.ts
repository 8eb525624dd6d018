import test from 'ava';
import fc from 'fast-check';
import { parsePrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { evaluateWay } from '../../src/model/evaluate.ts';
import { parseFrame } from '../../src/model/frame.ts';
import { matches } from '../../src/model/match.ts';
import { READINGS } from '../../src/model/reading.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { PEERS, ROLES } from '../../src/policy/vocabulary.ts';
import { ruleSet } from '../../src/rules/rule-set.ts';
import { policy } from '../backends/host.ts';
import * as f from '../frames/index.ts';
import { sentFrame } from '../fuzz/frames.ts';
import { guestStation, STRANGER } from '../fuzz/stations.ts';
import { GATEWAY } from '../lab/segment.ts';

const GUEST = guestStation(1);

const policies: fc.Arbitrary<GuardPolicy> = fc
  .record({
    roles: fc.subarray([...ROLES]),
    dhcp: fc.boolean(),
    peers: fc.constantFrom(...PEERS),
    ipv4: fc.constantFrom('any' as const, [parsePrefix('0.0.0.0/0')], [parsePrefix(GUEST.ip)]),
    ipv6: fc.constantFrom('any' as const, [parsePrefix('::/0')], [parsePrefix(GUEST.ip6)]),
  })
  .map((different) => policy(1, { mac: parseMac(GUEST.mac), ...different }));

/** A DHCP client's, which is looked for in two places, other ports that rules are about, and their neighbours. */
const port = fc.oneof(
  fc.constant(68),
  fc
    .constantFrom(67, 68, 269, 520, 521, 546, 547, 646, 654, 698, 914, 1985, 2029, 3222, 6696)
    .chain((number) => fc.integer({ min: number - 1, max: number + 1 })),
  fc.nat(0xffff),
);

const flow = fc.record({ srcPort: port, dstPort: port });

/** What is right most often, or something else. */
const mostly = (right: string, ...wrong: string[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(right) }, fc.constantFrom(...wrong));

/** TCP and UDP between the guest and the gateway, either way, of others' names too, with every port in reach of the rules. */
const packets = fc
  .record({ flow, udp: fc.boolean(), family: fc.constantFrom(4, 6), out: fc.boolean() })
  .chain(({ flow, udp, family, out }) => {
    const [from, to] = out ? [GUEST, GATEWAY] : [GATEWAY, GUEST];
    const payload = udp ? f.udp(flow, f.zeros(8)) : f.tcp(flow);
    const ether = fc.record({
      src: mostly(from.mac, STRANGER.mac),
      dst: mostly(to.mac, STRANGER.mac, f.BROADCAST, '01:80:c2:00:00:0e'),
    });
    const addresses =
      family === 4
        ? fc.record({
            src: mostly(from.ip, STRANGER.ip),
            dst: mostly(to.ip, STRANGER.ip),
            ihl: fc.constantFrom(5, 5, 6, 7),
          })
        : fc.record({ src: mostly(from.ip6, STRANGER.ip6), dst: mostly(to.ip6, STRANGER.ip6) });
    return fc
      .tuple(ether, addresses)
      .map(([ether, addresses]) =>
        f.ethernet(ether, family === 4 ? f.ipv4(addresses, payload) : f.ipv6(addresses, payload)),
      );
  });

const frames = fc.oneof(
  { weight: 3, arbitrary: packets },
  sentFrame.map(({ octets }) => octets),
);

const from = fc.constantFrom(undefined, ...[true, false].map((peer) => ({ peer, isolated: !peer })));
const reading = fc.constantFrom(...Object.values(READINGS));

test('what a short cut lets through, all stages let through', (t) => {
  const taken = { fromGuest: 0, toGuest: 0 };
  fc.assert(
    fc.property(policies, frames, from, reading, (guest, octets, provenance, reads) => {
      const frame = parseFrame(octets, reads);
      if (frame === undefined) return;
      const rules = ruleSet(guest);
      for (const way of ['fromGuest', 'toGuest'] as const) {
        if (!rules.shortCuts[way].some((match) => matches(match, frame, provenance))) continue;
        taken[way] += 1;
        t.is(evaluateWay(rules[way], frame, provenance), 'accept');
      }
    }),
    { numRuns: 10_000 },
  );
  t.true(taken.fromGuest > 100 && taken.toGuest > 100, JSON.stringify(taken));
});

test('most frames of a guest take a short cut', (t) => {
  const { shortCuts } = ruleSet(
    policy(1, { mac: parseMac(GUEST.mac), ipv4: [parsePrefix(GUEST.ip)], ipv6: [parsePrefix(GUEST.ip6)] }),
  );
  const takes = (octets: f.Bytes) => {
    const frame = parseFrame(octets, READINGS.xtables);
    return frame !== undefined && shortCuts.fromGuest.some((match) => matches(match, frame));
  };
  const packet = (payload: f.TransportLayer) =>
    f.ethernet({ src: GUEST.mac, dst: GATEWAY.mac }, f.ipv4({ src: GUEST.ip, dst: GATEWAY.ip }, payload));
  for (const dstPort of [22, 443, 6697, 40_000]) t.true(takes(packet(f.tcp({ srcPort: 40_000, dstPort }))));
  for (const dstPort of [53, 6697, 40_000]) t.true(takes(packet(f.udp({ srcPort: 40_000, dstPort }))));
  t.false(takes(packet(f.udp({ srcPort: 67, dstPort: 53 }))));
});
