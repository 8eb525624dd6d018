import test, { type ExecutionContext } from 'ava';
import { parsePrefix } from '../../../src/address/ip.ts';
import { hostTable } from '../../../src/backends/nftables/host-table.ts';
import { portGuard } from '../../../src/backends/nftables/port-guard.ts';
import { groupRules } from '../../../src/backends/nftables/rule-groups.ts';
import { changeScript, NOTHING_PRESENT, rebuildScript } from '../../../src/backends/nftables/script.ts';
import { EMPTY_TABLE } from '../../../src/backends/nftables/table.ts';
import { rehearse } from '../../../src/backends/nftables/tools.ts';
import type { GuardPolicy } from '../../../src/policy/guard-policy.ts';
import { accept, drop, pass } from '../../../src/rules/rule.ts';
import { hostWith, policy } from '../host.ts';

test('ports whose policies have one form share all chains, and differ in elements', (t) => {
  const [one, two] = [portGuard('vif1.0', policy(1)), portGuard('vif2.0', policy(2))];
  t.deepEqual(one.classTable, two.classTable);
  t.notDeepEqual(one.elements, two.elements);
  const more = portGuard('vif3.0', policy(3, { ipv4: ['192.0.2.3', '192.0.2.4'].map(parsePrefix) }));
  t.deepEqual(more.classTable, one.classTable);
});

test('another form is another class', (t) => {
  const [plain] = portGuard('vif1.0', policy(1)).classTable.chains.keys();
  const forms: Partial<GuardPolicy>[] = [
    { dhcp: false },
    { ipv6: [] },
    { ipv4: 'any' },
    { roles: ['router'] },
    { peers: 'open' },
    { mode: 'disabled' },
    { ipv4: [parsePrefix('192.0.2.0/28')] },
  ];
  for (const form of forms) {
    const [chain] = portGuard('vif1.0', policy(1, form)).classTable.chains.keys();
    t.not(chain, plain, JSON.stringify(Object.keys(form)));
  }
});

test('numbers of one field and one verdict become one rule, and verdicts keep their order', (t) => {
  const udp = (port: number) => ({ protocol: 17, destinationPort: [port, port] as const });
  const groups = groupRules(
    [
      drop('dhcp-server', udp(67)),
      drop('dhcp-server', udp(68)),
      accept(udp(70)),
      drop('dhcp-server', udp(72)),
    ],
    'ipv4',
  );
  const ports = groups.map(({ terms }) =>
    terms.flatMap((term) => (typeof term === 'string' ? [] : term.ranges)),
  );
  t.deepEqual(ports, [
    [
      [17, 17],
      [67, 68],
    ],
    [
      [17, 17],
      [70, 70],
    ],
    [
      [17, 17],
      [72, 72],
    ],
  ]);
});

test('prefixes are compared by what their length leaves', (t) => {
  const [host, block] = groupRules(
    ['192.0.2.1', '198.51.100.0/24', '203.0.113.0/24'].map((text) => pass({ source: parsePrefix(text) })),
    'ipv4',
  );
  t.deepEqual([host?.keys, host?.elements], [[{ field: 'ip saddr' }], [['192.0.2.1']]]);
  t.deepEqual(block?.keys, [{ field: 'ip saddr', mask: '255.255.255.0' }]);
  t.deepEqual(block?.elements, [['198.51.100.0'], ['203.0.113.0']]);
});

const POLICIES: Readonly<Record<string, Partial<GuardPolicy>>> = {
  locked: {},
  'no addresses': { ipv4: [], ipv6: [] },
  'any address': { ipv4: 'any', ipv6: 'any', linkLocal: 'any' },
  'the whole space as prefixes': { ipv4: [parsePrefix('0.0.0.0/0')], ipv6: [parsePrefix('::/0')] },
  prefixes: { ipv4: [parsePrefix('198.51.100.0/25')], ipv6: [parsePrefix('2001:db8:1::/50')] },
  'dom0=icmp, dhcp=off, open': { dom0: 'icmp', dhcp: false, peers: 'open' },
  'dom0=none': { dom0: 'none' },
  'all roles': { roles: ['router', 'dhcp-server', 'vrrp'] },
  unlocked: { mode: 'unlocked' },
  disabled: { mode: 'disabled' },
};

const NAMES = ['vif1.0', '1a', '0', '_', 'a-b_c.d', '.x', 'accept', 'vif1.0-emu', 'abcdefghijklmno'];

test('the kernel takes every form of policy, and every name that a port may have', async (t) => {
  const ports = Object.values(POLICIES).flatMap((form, row) =>
    NAMES.map((name, column) => [`${name.slice(0, 13)}${row}`, policy(10 * row + column, form)] as const),
  );
  const script = rebuildScript(hostTable(hostWith(Object.fromEntries(ports))), NOTHING_PRESENT);
  const listed = await rehearse(script);
  const guests = listed.flatMap(({ set }) => (set?.name === 'guests' ? [set.elem] : []))[0];
  t.deepEqual([...(guests as string[])].sort(), ports.map(([name]) => name).sort());
});

test('every chain ends in a verdict, in a return, or in its caller', async (t) => {
  for (const form of Object.values(POLICIES)) {
    for (const [name, { rules }] of portGuard('vif1.0', policy(1, form)).classTable.chains) {
      const isRoot = /\/(?:from|to|arp|ipv4|ipv6|to-dom0)$/.test(name);
      if (isRoot) t.regex(rules.at(-1) ?? '', /^(?:accept|goto \S+)$/, name);
    }
  }
});

/** The sets and chains that a script names. */
function named(script: string): readonly string[] {
  return script
    .split('\n')
    .flatMap((line) => /^\w+ (?:chain|rule|set|map) bridge vifguard (\S+)/.exec(line)?.[1] ?? []);
}

test('an event of a known class changes elements only, and only with the port’s own name', (t: ExecutionContext) => {
  const { elements } = portGuard('vif7.0', policy(7));
  const script = changeScript({ remove: new Map(), add: elements, table: EMPTY_TABLE });
  t.deepEqual(named(script), []);
  for (const line of script.trim().split('\n'))
    t.regex(line, /^add element bridge vifguard \S+ \{ "vif7\.0"/);
});
