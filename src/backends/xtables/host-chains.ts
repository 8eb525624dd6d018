import type { GuardedHost } from '../backend.ts';
import { GUEST_GROUP } from '../guest-group.ts';
import { acceptChains } from './accept-chains.ts';
import { type Chains, mergeTables, portChain, ROOT, type Tables } from './chains.ts';
import { type Dispatch, dispatchChains, nameTree } from './dispatch.ts';
import { ebtablesDrop, ip6tablesDrop, reasonChains } from './drops.ts';
import { addMarks, bits, hex, MARK, marked, OURS, PENDING, without } from './marks.ts';
import { PACKET_END, PACKET_END_CHAINS } from './packet-end.ts';
import { JUDGED, MARKED_DROPS, portChains } from './port-chains.ts';
import { SHARED_STAGES, sharedChains } from './shared-stages.ts';

/** Bridged frames come by their bridge here: this port has lost its own. */
const OFF_BRIDGE = `-m devgroup --src-group ${hex(GUEST_GROUP)} -j DROP`;

/** The built-in chains and our rule that stands first in each. */
export const HOOKS: readonly {
  readonly table: keyof Tables;
  readonly chain: string;
  readonly rule: string;
  /** Whether other programs' rules may stand in front of it. */
  readonly anywhere?: true;
}[] = [
  { table: 'ebtables nat', chain: 'PREROUTING', rule: `-j ${ROOT.fromGuest}` },
  // What is forwarded and what dom0 sends: one hook, so that the kernel walks the chains once.
  { table: 'ebtables nat', chain: 'POSTROUTING', rule: `-j ${ROOT.toGuest}` },
  { table: 'ebtables filter', chain: 'FORWARD', rule: '-j vg-forward' },
  { table: 'ebtables filter', chain: 'INPUT', rule: '-j vg-input' },
  { table: 'ip6tables raw', chain: 'PREROUTING', rule: '-j vg-raw' },
  { table: 'ip6tables filter', chain: 'FORWARD', rule: '-j vg-forward' },
  { table: 'iptables raw', chain: 'PREROUTING', rule: OFF_BRIDGE, anywhere: true },
];

/** All chains for a host: what the kernel should hold. */
export function hostTables(host: GuardedHost): Tables {
  const ports = [...host.ports].map(([port, { policy }]) => portChains(port, policy()));
  return mergeTables(reasonChains(), staticChains(), bridgeChains(host), ...ports, trees(host));
}

/** The chains that a host has for one port, and those on the way to it. */
export function tablesOf(host: GuardedHost, port: string): Tables {
  const guarded = host.ports.get(port);
  const own = guarded === undefined ? {} : portChains(port, guarded.policy());
  return mergeTables(bridgeChains(host), own, trees(host, port));
}

function trees(host: GuardedHost, touching?: string): Partial<Tables> {
  const ports = [...host.ports.keys()];
  const listed = touching === undefined ? undefined : new Set(host.restricted());
  const restricted = ports.filter((port) => listed?.has(port) ?? host.ports.get(port)?.restricted);
  const chainOf =
    (root: string, stage?: string): Dispatch['rules'] =>
    (port, match) => [`${match} -j ${portChain(root, port, stage)}`];
  const all = nameTree(ports, touching);
  const chains = (root: string, option: string, rules = chainOf(root), tree = all): Chains =>
    dispatchChains({ root, option, tree, rules });
  return {
    'ebtables nat': new Map([
      ...withEnds(chains(ROOT.fromGuest, '-i'), ROOT.fromGuest, {
        head: [`--pkttype-type host ${addMarks(MARK.host, 'CONTINUE')}`],
        tail: [
          `${marked(MARK.judged)} -j ${SHARED_STAGES}`,
          ...[...host.untrustedPorts, 'vif+'].map((port) => `-i ${port} ${addMarks(MARK.peer, 'CONTINUE')}`),
        ],
      }),
      ...chains(ROOT.marked, '-i', chainOf(ROOT.fromGuest, MARKED_DROPS)),
      ...chains(ROOT.toGuest, '-o'),
    ]),
    'ebtables filter': new Map([
      ...chains(ROOT.unfiltered, '-i', (_, match) => ebtablesDrop('unfiltered', match)),
      ...chains(ROOT.toDom0, '-i', chainOf(ROOT.toDom0), nameTree(restricted, touching)),
    ]),
    'ip6tables raw': chains(ROOT.neighborDiscovery, '-m physdev --physdev-in'),
  };
}

function withEnds(
  chains: Chains,
  name: string,
  ends: { head: readonly string[]; tail: readonly string[] },
): Chains {
  return new Map([...chains, [name, [...ends.head, ...(chains.get(name) ?? []), ...ends.tail]]]);
}

function staticChains(): Partial<Tables> {
  const unmarked = `--mark ! ${hex(MARK.accepted)}/${hex(bits(MARK.accepted, PENDING))} -j ${ROOT.unfiltered}`;
  const clear = `-j mark --mark-and ${hex(without(OURS))} --mark-target CONTINUE`;
  return {
    'ebtables nat': new Map([...acceptChains(), ...sharedChains()]),
    'ebtables filter': new Map<string, readonly string[]>([
      ['vg-forward', [unmarked]],
      // dom0 may route the frame to another bridge, where our marks would be taken for that port's.
      ['vg-input', [unmarked, `${marked(MARK.restricted)} -j ${ROOT.toDom0}`, clear]],
    ]),
    'ip6tables raw': new Map<string, readonly string[]>([
      ...PACKET_END_CHAINS,
      [JUDGED, [`-j MARK --set-xmark 0x0/${hex(PENDING)}`]],
    ]),
  };
}

function bridgeChains({ bridges }: GuardedHost): Partial<Tables> {
  const names = [...bridges];
  const pending = `-m mark ! --mark 0x0/${hex(PENDING)}`;
  const forwarded = `-m mark ! --mark ${hex(MARK.host)}/${hex(MARK.host)}`;
  return {
    'ip6tables raw': new Map([
      [
        'vg-raw',
        [
          OFF_BRIDGE,
          `-m mark --mark ${hex(MARK.upperLayer)}/${hex(MARK.upperLayer)} -j ${PACKET_END}`,
          `${pending} -j ${ROOT.neighborDiscovery}`,
          ...ip6tablesDrop('unfiltered', pending),
          // dom0's NAT must not rewrite what is only bridged.
          ...names.map((bridge) => `-i ${bridge} ${forwarded} -j CT --notrack`),
        ],
      ],
    ]),
    // dom0's own forwarding policy, such as Docker's DROP, is for what dom0 routes.
    'ip6tables filter': new Map([
      ['vg-forward', names.map((bridge) => `-i ${bridge} -m physdev --physdev-is-bridged -j ACCEPT`)],
    ]),
  };
}
