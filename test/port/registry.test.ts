import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { parsePrefix } from '../../src/address/ip.ts';
import { VifguardError } from '../../src/errors.ts';
import { policyToJson } from '../../src/policy/serialize.ts';
import { indexKeys } from '../../src/port/index-keys.ts';
import {
  EMPTY_REGISTRY,
  type PortRecord,
  type Registry,
  readRegistry,
  withBridge,
  withoutIdleBridges,
  withoutPort,
  withPort,
} from '../../src/port/registry.ts';
import { rebuildIndex, writeRegistry } from '../../src/port/write-registry.ts';
import { policy } from '../backends/host.ts';
import { interrupted, withoutRoom } from './interrupted-calls.ts';

// What is interrupted is so for the whole process.
const test = anyTest.serial;

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vifguard-registry-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

const RECORD: PortRecord = {
  kind: 'vif',
  bridge: 'xenbr0',
  domid: 1,
  handle: 0,
  domain: 'web1',
  backendPath: 'backend/vif/1/0',
  policy: policyToJson(
    policy(1, {
      ipv4: [parsePrefix('192.0.2.41')],
      ipv6: ['2001:db8::41', '2001:db8:0:1::/64'].map(parsePrefix),
    }),
  ),
};

function recordOf(domid: number, different: Partial<PortRecord['policy']> = {}): PortRecord {
  const mac = `00:16:3e:00:00:0${domid}`;
  const policy = { ...RECORD.policy, mac, ipv4: [`192.0.2.4${domid}`], ...different };
  return { ...RECORD, domid, backendPath: `backend/vif/${domid}/0`, policy };
}

const BRIDGE = { address: '02:00:00:00:00:01', calledIp6tables: false };

/** The ports with their records, in the order of their names. */
function portsOf({ ports }: Registry): (readonly [string, PortRecord])[] {
  return [...ports].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Every entry of the index, as `KEY PORT`. */
function entriesIn(directory: string): string[] {
  const index = join(directory, 'index');
  return namesIn(index)
    .flatMap((name) => namesIn(join(index, name)).map((port) => `${decodeURIComponent(name)} ${port}`))
    .sort();
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function entriesFor(registry: Registry): string[] {
  return portsOf(registry)
    .flatMap(([port, record]) => indexKeys(record).map((key) => `${key} ${port}`))
    .sort();
}

/** What is told of a registry, and of its files besides its ports'. */
function assertWritten(t: ExecutionContext, directory: string, expected: Registry, when?: string): void {
  const read = readRegistry(directory);
  t.deepEqual(portsOf(read), portsOf(expected), when);
  t.deepEqual([read.pinned, read.backend], [expected.pinned, expected.backend], when);
  t.deepEqual({ ...read.bridges }, { ...expected.bridges }, when);
  t.deepEqual(entriesIn(directory), entriesFor(expected), when);
}

const NAMES = ['vif1.0', 'constructor', '__proto__', 'a.json', 'a', '.json', 'b.json.new', '0-a.b_c-d.e_f-g'];
const name = fc.constantFrom(...NAMES);
const record = fc.tuple(fc.nat(3), fc.nat(2), fc.constantFrom('allow', 'none')).map(([domid, host, dom0]) => {
  return recordOf(domid, { ipv4: [`192.0.2.${host}`], dom0 });
});
const step = fc.oneof(fc.tuple(name, record), fc.tuple(name, fc.constant(undefined)));

test('after any writes there is what was written last, and the index is of that alone', (t) => {
  const directory = temporary(t);
  const pinned = fc.boolean();
  const isKept = fc.property(fc.array(fc.tuple(step, pinned)), (steps) => {
    writeRegistry(directory, EMPTY_REGISTRY);
    const model = new Map<string, PortRecord>();
    for (const [[port, record], pinned] of steps) {
      const before = readRegistry(directory);
      const known = { ...before, pinned };
      if (record === undefined) model.delete(port);
      else model.set(port, record);
      const after = record === undefined ? withoutPort(known, port) : withPort(known, port, record);
      writeRegistry(directory, after);
      const expected = { ...EMPTY_REGISTRY, pinned, ports: EMPTY_REGISTRY.ports.with(model) };
      assertWritten(t, directory, expected);
      t.is(before.ports.has(port), before.ports.get(port) !== undefined);
      for (const { ports } of [readRegistry(directory), after]) {
        t.is(ports.isEmpty, model.size === 0);
        t.deepEqual([...ports.keys()].sort(), [...model.keys()].sort());
        for (const [port, record] of model) {
          t.true(ports.has(port));
          for (const key of indexKeys(record)) {
            t.true([...ports.under(key)].some(([other]) => other === port));
            t.true(ports.namesUnder(key).includes(port));
          }
        }
      }
    }
  });
  fc.assert(isKept, { numRuns: 60 });
});

test('a registry that was read is as it was, whatever is written to what came of it', (t) => {
  const directory = temporary(t);
  const before = readRegistry(directory);
  writeRegistry(directory, withPort(before, 'vif1.0', recordOf(1)));
  t.true(before.ports.isEmpty);
  const one = readRegistry(directory);
  writeRegistry(directory, withPort(one, 'vif2.0', recordOf(2)));
  t.deepEqual([...one.ports.keys()], ['vif1.0']);
  t.false(one.ports.has('vif2.0'));
  t.deepEqual([...one.ports.under('backend=backend/vif/2/0')], []);
});

const ONE = withBridge(withPort(EMPTY_REGISTRY, 'vif1.0', recordOf(1)), 'xenbr0', BRIDGE);
const TWO = withPort(ONE, 'vif2.0', recordOf(2));

/** What is written, over what. */
const WRITES: readonly (readonly [what: string, before: Registry, change: (read: Registry) => Registry])[] = [
  ['the first port', EMPTY_REGISTRY, () => ONE],
  ['one more', ONE, (read) => withPort(read, 'vif2.0', recordOf(2))],
  ['another policy', TWO, (read) => withPort(read, 'vif1.0', recordOf(1, { dom0: 'none', ipv4: [] }))],
  ['one less', TWO, (read) => withoutPort(read, 'vif2.0')],
  ['none any more', ONE, (read) => withoutIdleBridges(withoutPort(read, 'vif1.0')).kept],
  ['pinned', TWO, (read) => ({ ...read, pinned: true })],
  ['nothing', { ...TWO, pinned: true }, () => EMPTY_REGISTRY],
];

for (const [what, before, change] of WRITES) {
  test(`${what}: a process that is killed in between leaves each port as it was or is to be, and indexed`, (t) => {
    const directory = temporary(t);
    let calls = 0;
    for (let isKilled = true; isKilled; calls++) {
      writeRegistry(directory, EMPTY_REGISTRY);
      writeRegistry(directory, before);
      const after = change(readRegistry(directory));
      const [old, wanted] = [before, after].map(({ ports }) => new Map(ports));
      isKilled = interrupted(() => writeRegistry(directory, after), calls);
      const when = `after ${calls} calls`;
      const left = readRegistry(directory);
      for (const port of NAMES.concat('vif2.0')) {
        const is = left.ports.get(port);
        const mayBe = [old?.get(port), wanted?.get(port)];
        t.true(
          mayBe.some((record) => JSON.stringify(record) === JSON.stringify(is)),
          `${port} ${when}`,
        );
        if (is === undefined) continue;
        t.deepEqual(left.bridges[is.bridge], BRIDGE, when);
        for (const key of indexKeys(is)) t.true([...left.ports.under(key)].some(([other]) => other === port));
      }
      const again = change(left);
      writeRegistry(directory, again);
      rebuildIndex(directory, again.ports);
      assertWritten(t, directory, after, when);
    }
    t.true(calls > 3);
  });
}

test('where there is no room nothing is changed', (t) => {
  const directory = temporary(t);
  let refused = 0;
  for (const [what, before, change] of WRITES) {
    for (let number = 0, isFull = true; isFull; number++) {
      writeRegistry(directory, EMPTY_REGISTRY);
      writeRegistry(directory, before);
      const after = change(readRegistry(directory));
      const error = withoutRoom(() => writeRegistry(directory, after), number);
      isFull = error !== undefined;
      if (isFull) refused += 1;
      t.true(!isFull || error instanceof VifguardError);
      assertWritten(t, directory, isFull ? before : after, `${what}, ${number}`);
    }
  }
  t.true(refused > WRITES.length);
});

test('the index is put right', (t) => {
  const directory = temporary(t);
  writeRegistry(directory, TWO);
  rmSync(join(directory, 'index', encodeURIComponent('bridge=xenbr0')), { recursive: true });
  mkdirSync(join(directory, 'index', 'of nothing'));
  writeFileSync(join(directory, 'index', 'of nothing', 'vif1.0'), '');
  writeFileSync(join(directory, 'index', encodeURIComponent('backend=backend/vif/1/0'), 'vif9.0'), '');
  const { ports } = readRegistry(directory);
  t.deepEqual([...ports.under('backend=backend/vif/1/0')], [['vif1.0', recordOf(1)]]);
  rebuildIndex(directory, ports);
  assertWritten(t, directory, TWO);
});

test('ports without the rest of their registry are none, and do not come back', (t) => {
  const directory = temporary(t);
  writeRegistry(directory, TWO);
  rmSync(join(directory, 'host.json'));
  const { ports } = readRegistry(directory);
  t.true(ports.isEmpty);
  t.deepEqual([...ports.under('bridge=xenbr0')], []);
  writeRegistry(directory, { ...EMPTY_REGISTRY, pinned: true });
  assertWritten(t, directory, { ...EMPTY_REGISTRY, pinned: true });
});

test('the one file of before is read, and taken over by the next write, wherever that is interrupted', (t) => {
  const directory = temporary(t);
  const file = join(directory, 'registry.json');
  const { ports, ...host } = TWO;
  const text = JSON.stringify({ ...host, ports: Object.fromEntries(ports) });
  let calls = 0;
  for (let isKilled = true; isKilled; calls++) {
    writeRegistry(directory, EMPTY_REGISTRY);
    writeFileSync(file, text);
    const read = readRegistry(directory);
    t.deepEqual([portsOf(read), { ...read.bridges }], [portsOf(TWO), { ...TWO.bridges }]);
    isKilled = interrupted(() => writeRegistry(directory, withoutPort(read, 'vif2.0')), calls);
    const left = readRegistry(directory);
    t.deepEqual(left.ports.get('vif1.0'), recordOf(1));
    writeRegistry(directory, withoutPort(left, 'vif2.0'));
    assertWritten(t, directory, ONE);
    t.throws(() => readFileSync(file), { code: 'ENOENT' });
  }
  t.true(calls > 3);
});
