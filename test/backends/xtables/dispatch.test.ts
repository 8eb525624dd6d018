import test from 'ava';
import fc from 'fast-check';
import type { Chains } from '../../../src/backends/xtables/chains.ts';
import { dispatchChains, nameTree } from '../../../src/backends/xtables/dispatch.ts';

const tree = (ports: readonly string[], touching?: string) =>
  dispatchChains({
    root: 'vg-in',
    option: '-i',
    tree: nameTree(ports, touching),
    rules: (port, match) => [`${match} -j leaf:${port}`],
  });

/** The leaf that a frame gets to as ebtables would take it there, and after how many comparisons. */
function follow(chains: Chains, port: string, chain = 'vg-in'): { leaf: string | undefined; asked: number } {
  let asked = 0;
  for (const rule of chains.get(chain) ?? []) {
    asked += 1;
    const [, name = '', , target = ''] = rule.split(' ');
    const matches = name.endsWith('+') ? port.startsWith(name.slice(0, -1)) : port === name;
    if (!matches) continue;
    if (target.startsWith('leaf:')) return { leaf: target, asked };
    const below = follow(chains, port, target);
    asked += below.asked;
    if (below.leaf !== undefined) return { leaf: below.leaf, asked };
  }
  return { leaf: undefined, asked };
}

const name = fc.oneof(
  fc.tuple(fc.nat(32_751), fc.nat(3)).map(([domid, handle]) => `vif${domid}.${handle}`),
  fc.tuple(fc.nat(300), fc.nat(3)).map(([domid, handle]) => `vif${domid}.${handle}-emu`),
  fc.stringMatching(/^[ab]{1,15}$/),
);
const names = fc.uniqueArray(name, { maxLength: 120, size: 'max' });

test('every port gets to its own leaf, and no other name to any', (t) => {
  fc.assert(
    fc.property(names, name, (ports, stranger) => {
      const chains = tree(ports);
      for (const port of ports) t.is(follow(chains, port).leaf, `leaf:${port}`);
      if (!ports.includes(stranger)) t.is(follow(chains, stranger).leaf, undefined);
    }),
  );
});

test('the chains on the way to one port are those of the whole tree', (t) => {
  fc.assert(
    fc.property(names, name, (ports, port) => {
      const whole = tree([...ports, port]);
      for (const [chain, rules] of tree([...ports, port], port)) t.deepEqual(whole.get(chain), rules);
      t.is(follow(tree([...ports, port], port), port).leaf, `leaf:${port}`);
    }),
  );
});

test('ports that come and go one by one leave the chains of the whole tree', (t) => {
  fc.assert(
    fc.property(names, fc.array(fc.nat(119), { maxLength: 40 }), (ports, leaving) => {
      const kernel = new Map(tree([]));
      const change = (before: readonly string[], after: readonly string[], port: string) => {
        const wanted = tree(after, port);
        for (const chain of tree(before, port).keys()) if (!wanted.has(chain)) kernel.delete(chain);
        for (const [chain, rules] of wanted) kernel.set(chain, rules);
        t.deepEqual(new Map([...kernel].sort()), new Map([...tree(after)].sort()));
      };
      let there: readonly string[] = [];
      for (const port of ports) {
        change(there, [...there, port], port);
        there = [...there, port];
      }
      for (const index of leaving) {
        const port = there[index];
        if (port === undefined) continue;
        const left = there.filter((name) => name !== port);
        change(there, left, port);
        there = left;
      }
    }),
    { numRuns: 30 },
  );
});

test('one more guest among few is one more rule, too: the root stays as it is', (t) => {
  const chains = tree(['vif1.0']);
  const changed = [...tree(['vif1.0', 'vif2.0'])].filter(
    ([chain, rules]) => rules.length !== chains.get(chain)?.length,
  );
  t.deepEqual(changed, [['vg-in:vif+', ['-i vif1.0 -j leaf:vif1.0', '-i vif2.0 -j leaf:vif2.0']]]);
});

test('with 1000 guests a frame is compared some twenty times, and one more guest is one more rule', (t) => {
  const ports = Array.from({ length: 1000 }, (_, index) => `vif${index + 1}.0`);
  const chains = tree(ports);
  const asked = ports.map((port) => follow(chains, port).asked);
  t.true(asked.reduce((sum, count) => sum + count, 0) / ports.length < 20);
  t.true(Math.max(...asked) < 40);
  const added = [...tree([...ports, 'vif1648.0'])].filter(
    ([chain, rules]) => rules.length !== chains.get(chain)?.length,
  );
  t.deepEqual(
    added.map(([chain, rules]) => [chain, rules.at(-1)]),
    [['vg-in:vif16+', '-i vif1648.0 -j leaf:vif1648.0']],
  );
});
