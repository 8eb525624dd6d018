import test from 'ava';
import { parseInterfaceName } from '../../src/address/interface-name.ts';
import { parseMac } from '../../src/address/mac.ts';
import { type HostState, inspect, layerProblems } from '../../src/host/inspection.ts';
import type { BridgeVlan } from '../../src/netlink/bridge-vlan.ts';
import type { FdbEntry } from '../../src/netlink/fdb.ts';
import type { Link } from '../../src/netlink/link.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import { policyToJson } from '../../src/policy/serialize.ts';
import { bridgeLayer, KEPT_OUT } from '../../src/port/bridge-layer.ts';
import { Ports } from '../../src/port/ports.ts';
import { EMPTY_REGISTRY, type PortRecord, type Registry } from '../../src/port/registry.ts';
import { policy } from '../backends/host.ts';

const BRIDGE: Link = {
  index: 1,
  name: 'xenbr0',
  up: true,
  lowerUp: true,
  arp: true,
  group: 0,
  mtu: 1500,
  address: '02:00:00:00:00:02',
  kind: 'bridge',
};

function port(index: number, name: string, attributes: Link['port'] = {}): Link {
  const kernel = { index, name, up: true, lowerUp: true, mtu: 1500, address: 'fe:ff:ff:ff:ff:ff', master: 1 };
  return { ...kernel, ...KEPT_OUT, port: attributes };
}

function state(parts: Partial<HostState>): HostState {
  const nothing = {
    registry: EMPTY_REGISTRY,
    links: [BRIDGE],
    fdb: [],
    vlans: [],
    drops: new Map(),
    drift: [],
  };
  const idle = {
    backend: 'xtables' as const,
    bridgeNetfilter: true,
    filtered: [],
    untrustedPorts: [],
    vifs: { value: [] },
  };
  return { ...nothing, ...idle, ...parts };
}

const subjects = (host: HostState) => inspect(host).findings.map(({ subject }) => subject);

test('a host without guests has nothing to find', (t) => {
  t.deepEqual(inspect(state({ links: [BRIDGE, port(2, 'eth0')] })), { ports: [], findings: [] });
});

test('a port is a guest’s by its name, by its vifname, or by the rules that are left of it', (t) => {
  const links = [
    BRIDGE,
    port(2, 'eth0'),
    port(3, 'vif1.0'),
    port(4, 'tap1.0'),
    port(5, 'door'),
    port(6, 'left'),
  ];
  const vifs = { value: [{ domid: 2, handle: 0, domain: 'web2', vifname: 'door' }] };
  const { ports } = inspect(state({ links, vifs, filtered: ['left'] }));
  t.deepEqual(
    ports.map(({ port, state, kind, domid }) => [port, state, kind, domid]),
    [
      ['vif1.0', 'unguarded', 'vif', 1],
      ['tap1.0', 'unguarded', 'tap', 1],
      ['door', 'unguarded', 'vif', 2],
      ['left', 'unguarded', 'vif', null],
    ],
  );
});

test('a vif on no bridge is nobody’s business', (t) => {
  const { master: _none, ...link } = port(2, 'vif1.0');
  t.deepEqual(subjects(state({ links: [BRIDGE, link] })), []);
});

test('an isolated uplink is found on a bridge of ours, unless it is no uplink', (t) => {
  const registry = {
    ...EMPTY_REGISTRY,
    bridges: { xenbr0: { address: BRIDGE.address, calledIp6tables: false } },
  };
  const bridge = { ...BRIDGE, bridge: { nfCallIp6tables: true } };
  const links = [bridge, port(2, 'eth0', { isolated: true })];
  t.deepEqual(subjects(state({ registry, links })), ['eth0']);
  t.deepEqual(subjects(state({ registry, links, untrustedPorts: [parseInterfaceName('eth0')] })), []);
  t.deepEqual(subjects(state({ links })), []);
});

test('what a refused attach leaves is found, with the way to take it away', (t) => {
  const advice = 'after "xl network-attach" run "xl network-detach 3 1"';
  const hotplugError = `backend/vif/3/1/ip: "192.0.2.300" is not an IP address; ${advice}`;
  const vifs = {
    value: [
      { domid: 3, handle: 0 },
      { domid: 3, handle: 1, domain: 'web3', hotplugError },
    ],
  };
  t.deepEqual(inspect(state({ vifs })).findings, [
    {
      subject: 'vif3.1',
      problem: 'left over of web3, refused: backend/vif/3/1/ip: "192.0.2.300" is not an IP address',
      remedy: 'run "xl network-detach 3 1"',
      ports: [],
      details: [],
    },
  ]);
});

const POLICY = policy(1, { mac: parseMac('00:16:3e:00:01:00'), ipv4: [], ipv6: [] });

const ENTRY: FdbEntry = {
  address: POLICY.mac,
  port: 2,
  master: 1,
  state: 'static',
  self: false,
  sticky: true,
};

/** What is found of a port in VLAN 10, or in the bridge's own, 5. */
function problemsOf(
  policy: GuardPolicy,
  { vlans = [], fdb = [] }: { vlans?: readonly Omit<BridgeVlan, 'port'>[]; fdb?: readonly FdbEntry[] },
  vlanFiltering = true,
): string[] {
  const layer = bridgeLayer(policy, false);
  return layerProblems(
    {
      link: port(2, 'vif1.0', layer.settings),
      bridge: { ...BRIDGE, bridge: { vlanFiltering, vlanDefaultPvid: 5 } },
      fdb: [{ ...ENTRY, port: 3, vlan: 10 }, ...fdb],
      vlans: [
        { port: 3, first: 10, last: 10, pvid: true, untagged: true },
        ...vlans.map((vlan) => ({ port: 2, ...vlan })),
      ],
    },
    layer,
  );
}

const access = (vid: number) => ({ first: vid, last: vid, pvid: true, untagged: true });

test('a port is in its own VLAN, and no other, and its MAC is pinned there', (t) => {
  const policy = { ...POLICY, vlan: 10 };
  const fdb = [ENTRY, { ...ENTRY, vlan: 10 }];
  t.deepEqual(problemsOf(policy, { vlans: [access(10)], fdb }), []);
  t.deepEqual(problemsOf(policy, { vlans: [], fdb }), ['it is in VLAN none, should be in 10']);
  const trunk = [
    { ...access(10), pvid: false },
    { first: 20, last: 29, pvid: false, untagged: false },
  ];
  t.deepEqual(problemsOf(policy, { vlans: [access(1), ...trunk], fdb }), [
    'it is in VLAN 1 PVID untagged, 10 untagged, 20-29 tagged, should be in 10',
  ]);
  t.deepEqual(problemsOf(policy, { vlans: [access(10)], fdb: [ENTRY, { ...ENTRY, vlan: 1 }] }), [
    '00:16:3e:00:01:00 has no static FDB entry in VLAN 10',
  ]);
});

test('without one, it is in the VLAN that the bridge gives; an open port in any', (t) => {
  t.deepEqual(problemsOf(POLICY, { vlans: [access(5)], fdb: [{ ...ENTRY, vlan: 5 }] }), []);
  t.deepEqual(problemsOf(POLICY, { vlans: [access(6)], fdb: [{ ...ENTRY, vlan: 5 }] }), [
    'it is in VLAN 6 PVID untagged, should be in 5',
  ]);
  t.deepEqual(problemsOf({ ...POLICY, mode: 'unlocked' }, { vlans: [access(6)] }), []);
});

test('where the bridge does not filter VLANs, they do not matter to a port', (t) => {
  t.deepEqual(problemsOf(POLICY, { fdb: [ENTRY, { ...ENTRY, vlan: 5 }] }, false), []);
  t.deepEqual(problemsOf(POLICY, { fdb: [{ ...ENTRY, vlan: 5 }] }, false), [
    '00:16:3e:00:01:00 has no static FDB entry',
  ]);
});

function registryWith(policy: GuardPolicy, index?: number): Registry {
  const record = {
    kind: 'vif',
    ...(index === undefined ? {} : { index }),
    bridge: 'xenbr0',
    domid: 1,
    handle: 0,
    backendPath: 'backend/vif/1/0',
    policy: policyToJson(policy),
  } as const;
  return {
    ...EMPTY_REGISTRY,
    bridges: { xenbr0: { address: BRIDGE.address, calledIp6tables: false } },
    ports: new Ports(undefined, [['vif1.0', record]]),
  };
}

test('a port is its device; where none is recorded, what has its name', (t) => {
  const { settings } = bridgeLayer(POLICY, false);
  const problems = (recorded: number | undefined, backend: HostState['backend'], ...links: Link[]) => {
    const registry = registryWith(POLICY, recorded);
    const all = [BRIDGE, ...links];
    const host = state({ registry, links: all, fdb: [ENTRY], backend, bridgeNetfilter: false });
    return inspect(host).findings.map(({ subject, problem }) => `${subject}: ${problem}`);
  };
  const anew = port(3, 'vif1.0');
  for (const backend of ['xtables', 'nftables'] as const) {
    t.deepEqual(problems(2, backend, port(2, 'vif1.0', settings)), []);
    t.deepEqual(problems(undefined, backend, port(2, 'vif1.0', settings)), []);
    t.deepEqual(problems(2, backend), ['vif1.0: the port is gone: there is no such device']);
    t.deepEqual(problems(2, backend, anew), [
      'vif1.0: unguarded: on xenbr0, and vifguard has no record of it',
      'vif1.0: the port is gone: another device has its name',
    ]);
  }
  const renamed = port(2, 'stray', settings);
  t.deepEqual(problems(2, 'xtables', renamed), ['vif1.0: was renamed to stray, which has no rules']);
  t.deepEqual(problems(2, 'nftables', renamed), ['vif1.0: was renamed to stray']);
});

test('the tap that an HVM guest has unplugged is no port any more; one that goes with its vif is missed', (t) => {
  const vif = registryWith(POLICY, 2);
  const tap = { ...[...vif.ports].map(([, record]) => record)[0], kind: 'tap', index: 3 } as PortRecord;
  const registry = { ...vif, ports: vif.ports.with([['vif1.0-emu', tap]]) };
  const { settings } = bridgeLayer(POLICY, true);
  const seen = (...links: Link[]) => {
    const { ports, findings } = inspect(
      state({ registry, links: [BRIDGE, ...links], bridgeNetfilter: false }),
    );
    return [ports.map(({ port, state }) => `${port} ${state}`), findings.map(({ subject }) => subject)];
  };
  const [itself, twin] = [port(2, 'vif1.0', settings), port(3, 'vif1.0-emu', settings)];
  t.deepEqual(seen(itself, twin), [['vif1.0 guarded', 'vif1.0-emu guarded'], []]);
  t.deepEqual(seen(itself), [['vif1.0 guarded'], []]);
  t.deepEqual(seen(), [
    ['vif1.0 drifted', 'vif1.0-emu drifted'],
    ['vif1.0', 'vif1.0-emu'],
  ]);
  t.deepEqual(seen(twin), [['vif1.0 drifted', 'vif1.0-emu guarded'], ['vif1.0']]);
});

test('a bridge that filters VLANs no longer is found when a port is in one', (t) => {
  const found = (policy: GuardPolicy) => {
    const registry = registryWith(policy, 2);
    const bridge = { ...BRIDGE, bridge: { nfCallIp6tables: true, vlanFiltering: false, vlanDefaultPvid: 1 } };
    const link = port(2, 'vif1.0', bridgeLayer(policy, false).settings);
    return inspect(state({ registry, links: [bridge, link], fdb: [ENTRY] })).findings;
  };
  t.deepEqual(found(POLICY), []);
  t.deepEqual(found({ ...POLICY, vlan: 10 }), [
    {
      subject: 'xenbr0',
      problem: 'vlan_filtering is off, should be on: its VLANs are one',
      remedy: 'run "vifguard host up"',
      ports: ['vif1.0'],
      details: [],
    },
  ]);
});

test('without br_netfilter that is what is said, and not every rule', (t) => {
  const [finding, ...more] = inspect(state({ drift: undefined })).findings;
  t.deepEqual([finding?.subject, more.length], ['br_netfilter', 0]);
});

const LEFT_RULES = ['chain vg-in', 'chain vg-drop:disabled'].map(
  (what) => ({ where: 'ebtables nat', kind: 'unexpected', what }) as const,
);

test('rules that are left of a lost registry are put right with the ports that they are of', (t) => {
  const links = [BRIDGE, port(2, 'vif1.0', { locked: true })];
  const { findings } = inspect(state({ drift: LEFT_RULES, links, filtered: ['vif1.0'] }));
  t.deepEqual(
    findings.map(({ subject, remedy }) => [subject, /run "vifguard host \w+"/.exec(remedy)?.[0]]),
    [
      ['vif1.0', 'run "vifguard host up"'],
      ['ebtables nat', 'run "vifguard host up"'],
    ],
  );
});

test('rules that are left when nothing is guarded go by host down', (t) => {
  const drift = LEFT_RULES;
  const { findings } = inspect(state({ drift }));
  t.deepEqual(findings, [
    {
      subject: 'ebtables nat',
      problem: 'unexpected: chain vg-in (and 1 more)',
      remedy: 'run "vifguard host down"',
      ports: [],
      details: ['chain vg-in', 'chain vg-drop:disabled'],
    },
  ]);
});
