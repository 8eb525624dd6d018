import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import fc from 'fast-check';
import { BACKENDS } from '../../src/backends/names.ts';
import { InputError, VifguardError } from '../../src/errors.ts';
import { inspect } from '../../src/host/inspection.ts';
import { refuseConflict } from '../../src/port/claims.ts';
import { guardedHost } from '../../src/port/guarded-host.ts';
import { withLock } from '../../src/port/lock.ts';
import {
  EMPTY_REGISTRY,
  type HostRecord,
  type PortRecord,
  policyOf,
  type Registry,
  readRegistry,
  twinOf,
  withoutIdleBridges,
} from '../../src/port/registry.ts';
import { writeRegistry } from '../../src/port/write-registry.ts';
import { guardedGuest, vifguard } from '../cli/vifguard.ts';
import { startLab } from '../lab/lab.ts';

const PORT: PortRecord = {
  kind: 'vif',
  bridge: 'xenbr0',
  domid: 1,
  handle: 0,
  domain: 'web1',
  backendPath: '/local/domain/0/backend/vif/1/0',
  policy: {
    mode: 'locked',
    mac: '00:16:3e:00:01:00',
    extraMacs: ['00:16:3e:00:01:01'],
    ipv4: ['192.0.2.41', '198.51.100.0/24'],
    ipv6: 'any',
    linkLocal: 'eui64',
    dhcp: true,
    peers: 'isolated',
    dom0: 'icmp',
    roles: ['vrrp'],
    virtualRouters: [{ id: 51, addresses: ['192.0.2.200'] }],
  },
};
const HOST: HostRecord = {
  pinned: true,
  backend: 'nftables',
  bridges: { xenbr0: { address: '02:00:00:00:00:01', calledIp6tables: false } },
};
const OTHER: PortRecord = { ...PORT, backendPath: 'backend/vif/2/0' };
const REGISTRY: Registry = { ...HOST, ports: EMPTY_REGISTRY.ports.with([['vif1.0', PORT]]) };
/** The files of a registry, and of one from before ports had files of their own. */
const FILES: readonly (readonly [file: string, json: object])[] = [
  ['host.json', HOST],
  ['ports/vif1.0.json', PORT],
  ['registry.json', { ...HOST, ports: { 'vif1.0': PORT } }],
];

/** Every place in a value, as the keys that lead there. */
function placesIn(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const below = Object.entries(value).flatMap(([key, item]) =>
    placesIn(item).map((place) => [key, ...place]),
  );
  return [[], ...below];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy: Record<string, unknown> = Array.isArray(value)
    ? ([...value] as never)
    : { ...(value as object) };
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

const damaged = fc
  .constantFrom(...FILES)
  .chain(([file, json]) =>
    fc
      .tuple(fc.constantFrom(...placesIn(json)), fc.jsonValue())
      .map(([place, by]) => [file, JSON.stringify(replaced(json, place, by))] as const),
  );
const anyText = fc.tuple(fc.constantFrom(...FILES.map(([file]) => file)), fc.oneof(fc.json(), fc.string()));
const anyFile = fc.oneof({ weight: 4, arbitrary: damaged }, { weight: 1, arbitrary: anyText });

/** Everything that is done with a registry and no kernel. */
async function use(registry: Registry): Promise<void> {
  for (const [, record] of registry.ports) {
    policyOf(record);
    twinOf(registry, record);
    withoutIdleBridges(registry);
    const check = { registry, port: 'vif9.0', record: OTHER };
    await refuseConflict({ ...check, isThere: async () => true, forget: async () => registry });
    for (const [, { policy }] of guardedHost(registry, []).ports) policy();
  }
  const kernel = {
    links: [],
    fdb: [],
    vlans: [],
    drops: new Map(),
    drift: [],
    filtered: [],
    untrustedPorts: [],
  };
  inspect({ registry, backend: 'nftables', bridgeNetfilter: false, vifs: { value: [] }, ...kernel });
}

test('whatever the registry holds, it is used or refused with an error that says what to do', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-registry-'));
  t.teardown(() => rm(directory, { recursive: true }));
  writeRegistry(directory, REGISTRY);
  const isHandled = fc.asyncProperty(anyFile, async ([file, text]) => {
    await rm(join(directory, 'registry.json'), { force: true });
    for (const [name, json] of FILES.slice(0, 2))
      await writeFile(join(directory, name), JSON.stringify(json));
    await writeFile(join(directory, file), text);
    try {
      await use(readRegistry(directory));
      return true;
    } catch (error) {
      const isClaim = error instanceof InputError && / may not have /.test(error.message);
      return error instanceof VifguardError && (isClaim || / run "vifguard host up"/.test(error.message));
    }
  });
  await t.notThrowsAsync(() => fc.assert(isHandled, { numRuns: 1000 }));
});

test('a pipe in the place of a file is no registry, and nobody waits for it', async (t) => {
  for (const [file] of FILES.slice(0, 2)) {
    const directory = await mkdtemp(join(tmpdir(), 'vifguard-registry-'));
    t.teardown(() => rm(directory, { recursive: true }));
    writeRegistry(directory, REGISTRY);
    await rm(join(directory, file));
    await execa('mkfifo', [join(directory, file)]);
    await t.throwsAsync(
      async () => use(readRegistry(directory)),
      { message: / run "vifguard host up"/ },
      file,
    );
  }
});

/** What may stand in the place of a file or directory. */
const OTHER_THINGS = {
  'a file': (path: string) => writeFile(path, ''),
  'a directory': (path: string) => mkdir(path),
  'a pipe': (path: string) => execa('mkfifo', [path]),
  'a link to nowhere': (path: string) => symlink('/nowhere/at/all', path),
};

test('what stands where a file is made under another name goes, and nobody waits for it', async (t) => {
  for (const [what, put] of Object.entries(OTHER_THINGS)) {
    for (const [file] of FILES.slice(0, 2)) {
      const directory = await mkdtemp(join(tmpdir(), 'vifguard-registry-'));
      t.teardown(() => rm(directory, { recursive: true }));
      await mkdir(join(directory, 'ports'));
      await put(join(directory, `${file}.new`));
      writeRegistry(directory, REGISTRY);
      t.deepEqual(readRegistry(directory).ports.get('vif1.0'), PORT, `${what} as ${file}.new`);
    }
  }
});

const DEEDS = {
  read: async (directory: string) => use(readRegistry(directory)),
  lock: (directory: string) => withLock(join(directory, 'lock'), { timeoutMs: 0 }, async () => {}),
};

/** A place in the state directory, what stands there, and who meets it. */
const MISPLACED = [
  ['', 'a file', 'read'],
  ['', 'a file', 'lock'],
  ['', 'a link to nowhere', 'lock'],
  ['lock', 'a directory', 'lock'],
  ['lock', 'a pipe', 'lock'],
  ['ports', 'a file', 'read'],
  ['index', 'a file', 'read'],
] as const;

for (const [place, what, deed] of MISPLACED) {
  test(`${deed}: ${what} in the place of ${place || 'the state directory'} is what to move away`, async (t) => {
    const parent = await mkdtemp(join(tmpdir(), 'vifguard-registry-'));
    t.teardown(() => rm(parent, { recursive: true }));
    const directory = join(parent, 'net-1');
    writeRegistry(directory, REGISTRY);
    const wrong = join(directory, place);
    await rm(wrong, { recursive: true, force: true });
    await OTHER_THINGS[what](wrong);
    const error = await t.throwsAsync(() => DEEDS[deed](directory), { instanceOf: VifguardError });
    t.regex(error.message, new RegExp(`${wrong}; move it away|; move ${wrong} away`));
  });
}

test('where the registry cannot be written, what to look for is said once', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-registry-'));
  t.teardown(() => rm(directory, { recursive: true }));
  for (const place of ['ports', 'index'].map((name) => join(directory, name))) {
    await OTHER_THINGS['a link to nowhere'](place);
    t.throws(() => writeRegistry(directory, REGISTRY), {
      instanceOf: VifguardError,
      message: /^cannot write the registry in \S+; see that there is room, and nothing in the way$/,
    });
    await rm(place);
  }
});

/** Each file, what it may hold, and what is said of it. */
const BROKEN = [
  ['host.json', '{"pinned":true,"backend":"nftables"}', 'bridges is not what vifguard writes there'],
  ['ports/vif1.0.json', '{"kind":null}', 'kind is not what vifguard writes there'],
  [
    'registry.json',
    '{"pinned":true,"backend":"nftables","bridges":{},"ports":null}',
    'ports is not what vifguard writes there',
  ],
] as const;

for (const [file, text, problem] of BROKEN) {
  test(`${file} that is none is said in one line, by every verb and by the script`, async (t) => {
    const lab = await startLab(t);
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    const message = new RegExp(
      `cannot read \\S+/${file}; move it away and run "vifguard host up": ${problem}(?=$|; after)`,
    );
    await lab.dom0.namespace.run('sh', ['-c', `echo '${text}' >"$(echo /run/vifguard/net-*)/${file}"`]);
    for (const args of [['status'], ['check'], ['show', 'vif1.0'], ['host', 'up'], ['host', 'down']]) {
      const { exitCode, stderr } = await vifguard(lab, args);
      t.is(exitCode, 1, args.join(' '));
      t.regex(stderr, message);
    }
    const { exitCode, hotplugError } = await guest.online();
    t.is(exitCode, 1);
    t.regex(hotplugError ?? '', message);
  });
}

for (const backend of BACKENDS) {
  test(`${backend}: a record that cannot be read keeps nobody else out, but for whom it may concern`, async (t) => {
    const lab = await startLab(t, { backend });
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    await lab.dom0.namespace.run('sh', ['-c', 'echo >"$(echo /run/vifguard/net-*)/ports/vif1.0.json"']);
    const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42' });
    const { exitCode: came, stderr } = await other.online();
    t.is(came, 0, stderr);
    t.is((await other.offline()).exitCode, 0);
    const rival = await lab.guest({ domid: 3, name: 'web3', ip: '192.0.2.41' });
    const { exitCode, hotplugError } = await rival.online();
    t.is(exitCode, 1);
    t.regex(hotplugError ?? '', /cannot read \S+\/ports\/vif1\.0\.json/);
  });
}
