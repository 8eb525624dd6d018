import test from 'ava';
import { parseInterfaceName } from '../../src/address/interface-name.ts';
import { type HostState, inspect } from '../../src/host/inspection.ts';
import type { Link } from '../../src/netlink/link.ts';
import { EMPTY_REGISTRY } from '../../src/port/registry.ts';

const BRIDGE: Link = {
  index: 1,
  name: 'xenbr0',
  up: true,
  mtu: 1500,
  address: '02:00:00:00:00:02',
  kind: 'bridge',
};

function port(index: number, name: string, attributes: Link['port'] = {}): Link {
  return { index, name, up: true, mtu: 1500, address: 'fe:ff:ff:ff:ff:ff', master: 1, port: attributes };
}

function state(parts: Partial<HostState>): HostState {
  const nothing = { registry: EMPTY_REGISTRY, links: [BRIDGE], fdb: [], drops: new Map(), drift: [] };
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

test('without br_netfilter that is what is said, and not every rule', (t) => {
  const [finding, ...more] = inspect(state({ drift: undefined })).findings;
  t.deepEqual([finding?.subject, more.length], ['br_netfilter', 0]);
});

test('rules that are left when nothing is guarded go by host down', (t) => {
  const drift = ['chain vg-in', 'chain vg-x:disabled'].map(
    (what) => ({ where: 'ebtables nat', kind: 'unexpected', what }) as const,
  );
  const { findings } = inspect(state({ drift }));
  t.deepEqual(findings, [
    {
      subject: 'ebtables nat',
      problem: 'unexpected: chain vg-in (and 1 more)',
      remedy: 'run "vifguard host down"',
      ports: [],
      details: ['chain vg-in', 'chain vg-x:disabled'],
    },
  ]);
});
