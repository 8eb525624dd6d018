import test from 'ava';
import { parsePrefix } from '../../src/address/ip.ts';
import { Holders } from '../../src/monitor/holders.ts';
import { policyToJson } from '../../src/policy/serialize.ts';
import { EMPTY_REGISTRY, type PortRecord, type Registry } from '../../src/port/registry.ts';
import { policy } from '../backends/host.ts';

function record(domid: number, bridge: string, block?: string): PortRecord {
  const own = policy(domid, block === undefined ? {} : { ipv4: [parsePrefix(block)] });
  return {
    kind: 'vif',
    bridge,
    domid,
    handle: 0,
    domain: `web${domid}`,
    backendPath: `backend/vif/${domid}/0`,
    policy: policyToJson(own),
  };
}

const REGISTRY: Registry = {
  ...EMPTY_REGISTRY,
  bridges: { xenbr0: { address: '02:00:00:00:00:02', calledIp6tables: false } },
  ports: EMPTY_REGISTRY.ports.with([
    ['vif1.0', record(1, 'xenbr0')],
    ['vif2.0', record(2, 'xenbr0', '198.51.100.0/24')],
    ['vif3.0', record(1, 'xenbr1')],
  ]),
};
const GATEWAY = { address: parsePrefix('192.0.2.254'), mac: '02:00:00:00:00:01' };
const holders = new Holders(REGISTRY, [parsePrefix('192.0.2.250')], [GATEWAY]);
const asked = (what: string, port = 'vif2.0', bridge = 'xenbr0') =>
  holders.holderOf(what.split(':').length === 6 ? what : parsePrefix(what), { port, bridge });

test('guests, dom0 and gateways hold what is theirs', (t) => {
  t.is(asked('192.0.2.1'), 'web1');
  t.is(asked('2001:db8::1'), 'web1');
  t.is(asked('fe80::216:3eff:fe00:1'), 'web1');
  t.is(asked('00:16:3e:00:00:01'), 'web1');
  t.is(asked('198.51.100.7', 'vif1.0'), 'web2');
  t.is(asked('192.0.2.250'), 'dom0');
  t.is(asked('02:00:00:00:00:02'), 'dom0');
  t.is(asked('192.0.2.254'), 'gateway');
  t.is(asked('02:00:00:00:00:01'), 'gateway');
  t.is(asked('192.0.2.99'), undefined);
});

test('nobody is told of itself', (t) => {
  t.is(asked('198.51.100.7', 'vif2.0'), undefined);
});
