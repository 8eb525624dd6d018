import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
