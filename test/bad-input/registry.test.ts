import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { InputError, VifguardError } from '../../src/errors.ts';
import { inspect } from '../../src/host/inspection.ts';
import { refuseConflict } from '../../src/port/claims.ts';
import { guardedHost } from '../../src/port/guarded-host.ts';
import { type PortRecord, policyOf, type Registry, readRegistry } from '../../src/port/registry.ts';
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
const REGISTRY: Registry = {
  pinned: true,
  backend: 'nftables',
  bridges: { xenbr0: { address: '02:00:00:00:00:01', calledIp6tables: false } },
  ports: { 'vif1.0': PORT },
};

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
  .tuple(fc.constantFrom(...placesIn(REGISTRY)), fc.jsonValue())
  .map(([place, by]) => JSON.stringify(replaced(REGISTRY, place, by)));
const anyText = fc.oneof(
  { weight: 8, arbitrary: damaged },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
);

/** Everything that is done with a registry and no kernel. */
async function use(registry: Registry): Promise<void> {
  for (const record of Object.values(registry.ports)) {
    policyOf(record);
    const check = { registry, port: 'vif9.0', record: PORT };
    await refuseConflict({ ...check, isThere: async () => true, forget: async () => registry });
    for (const { policy } of guardedHost(registry, []).ports.values()) policy();
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
  const isHandled = fc.asyncProperty(anyText, async (text) => {
    await writeFile(join(directory, 'registry.json'), text);
    try {
      await use(await readRegistry(directory));
      return true;
    } catch (error) {
      const isClaim = error instanceof InputError && / may not have /.test(error.message);
      return error instanceof VifguardError && (isClaim || / run "vifguard host up"/.test(error.message));
    }
  });
  await t.notThrowsAsync(() => fc.assert(isHandled, { numRuns: 1000 }));
});

test('JSON that is no registry is said in one line, by every verb and by the script', async (t) => {
  const lab = await startLab(t);
  const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  const message =
    /cannot read \S+registry\.json; move it away and run "vifguard host up": ports is not what vifguard writes there(?=$|; after)/;
  await lab.dom0.namespace.run('sh', [
    '-c',
    'echo \'{"ports":null}\' >"$(echo /run/vifguard/net-*)/registry.json"',
  ]);
  for (const args of [['status'], ['check'], ['show', 'vif1.0'], ['host', 'up'], ['host', 'down']]) {
    const { exitCode, stderr } = await vifguard(lab, args);
    t.is(exitCode, 1, args.join(' '));
    t.regex(stderr, message);
  }
  const { exitCode, hotplugError } = await guest.online();
  t.is(exitCode, 1);
  t.regex(hotplugError ?? '', message);
});
