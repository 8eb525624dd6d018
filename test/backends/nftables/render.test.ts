import test from 'ava';
import { parsePrefix } from '../../../src/address/ip.ts';
import { hostTable } from '../../../src/backends/nftables/host-table.ts';
import { portGuard } from '../../../src/backends/nftables/port-guard.ts';
import { groupRules } from '../../../src/backends/nftables/rule-groups.ts';
import { NOTHING_PRESENT, rebuildScript } from '../../../src/backends/nftables/script.ts';
import { rehearse } from '../../../src/backends/nftables/tools.ts';
import type { GuardPolicy } from '../../../src/policy/guard-policy.ts';
import { accept, drop, pass } from '../../../src/rules/rule.ts';
import { hostWith, policy } from '../host.ts';
import { FORMS } from './forms.ts';

const guardOf = (index: number, policy: GuardPolicy, untrustedPorts: readonly string[] = []) =>
  portGuard({ index, policy, untrustedPorts });

test('ports whose policies have one form share all chains, and differ in elements', (t) => {
  const [one, two] = [guardOf(1, policy(1)), guardOf(2, policy(2))];
  t.deepEqual(one.classTable, two.classTable);
  t.notDeepEqual(one.elements, two.elements);
  const more = guardOf(3, policy(3, { ipv4: ['192.0.2.3', '192.0.2.4'].map(parsePrefix) }));
  t.deepEqual(more.classTable, one.classTable);
});

test('the order of untrusted ports does not matter, and without any no frame is compared with names of such', (t) => {
  const textOf = (...untrustedPorts: string[]) =>
    JSON.stringify([...guardOf(1, policy(1), untrustedPorts).classTable.chains]);
  t.is(textOf('tap7', 'tap8'), textOf('tap8', 'tap7', 'tap8'));
  t.regex(textOf('tap7'), /iifname != \{ \\"tap7\\" \}/);
  t.notRegex(textOf(), /iifname (?!(?:!= )?\\"vif\*)/);
});

test('another form is another class', (t) => {
  const [plain] = guardOf(1, policy(1)).classTable.chains.keys();
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
    const [chain] = guardOf(1, policy(1, form)).classTable.chains.keys();
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
    { family: 'ipv4', untrustedPorts: [] },
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
    { family: 'ipv4', untrustedPorts: [] },
  );
  const values = (group: typeof host) => group?.elements.map((key) => key.map(({ text }) => text));
  t.deepEqual([host?.keys, values(host)], [[{ field: 'ip saddr' }], [['192.0.2.1']]]);
  t.deepEqual(block?.keys, [{ field: 'ip saddr', mask: '255.255.255.0' }]);
  t.deepEqual(values(block), [['198.51.100.0'], ['203.0.113.0']]);
});

const LARGEST_INDEX = 2 ** 31 - 1;
const NAMES = ['vif1.0', '1a', '17', '0', '_', 'a-b_c.d', '.x', 'accept', 'vif1.0-emu', 'abcdefghijklmno'];

test('the kernel takes every form of policy, every index, and every name of an untrusted port', async (t) => {
  const ports = Object.entries(FORMS).map(([name, form], id) => [name, policy(id, form)] as const);
  const host = hostWith(Object.fromEntries(ports));
  const last = { index: LARGEST_INDEX, restricted: false, policy: () => policy(99) };
  const guarded = new Map([...host.ports, ['last', last]]);
  const table = hostTable({ ...host, ports: guarded, untrustedPorts: NAMES });
  const listed = await rehearse(rebuildScript(table, NOTHING_PRESENT));
  const keysOf = (wanted: string) =>
    listed.flatMap(({ set, map }) => {
      const found = [set, map].find((one) => one?.name === wanted);
      return ((found?.elem ?? []) as (string | [string, unknown])[])
        .flat()
        .filter((key) => typeof key === 'string');
    });
  // nft lists an index as a name where a device has it: here only lo is there.
  const indexes = ['lo', ...ports.slice(1).map((_, at) => String(at + 2)), String(LARGEST_INDEX)];
  t.deepEqual(keysOf('from-guest').sort(), indexes.sort());
  const text = JSON.stringify(listed);
  for (const name of NAMES) t.true(text.includes(`"${name}"`), name);
});

test('every chain ends in a verdict, in a return, or in its caller', async (t) => {
  for (const form of Object.values(FORMS)) {
    for (const [name, { rules }] of guardOf(1, policy(1, form)).classTable.chains) {
      const isRoot = /\/(?:from|to|arp|ipv4|ipv6|to-dom0)$/.test(name);
      if (isRoot) t.regex(rules.at(-1) ?? '', /^(?:accept|goto \S+)$/, name);
    }
  }
});

test('all elements of a port begin with its own index', (t) => {
  for (const form of Object.values(FORMS)) {
    const elements = [...guardOf(7, policy(7, form)).elements.values()].flat();
    t.deepEqual([...new Set(elements.map(({ key }) => key[0]?.text))], ['"0000000000000007"']);
  }
});
