import test from 'ava';
import { execaSync } from 'execa';
import { vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import { fdb } from '../lab/effects.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { ping } from '../lab/traffic.ts';
import { among } from '../lab/witness.ts';

// VLANs of a bridge that filters them (`vlan` in xenstore). test/xen has the same on a kernel that surely does.

/** Not without CONFIG_BRIDGE_VLAN_FILTERING. */
const { exitCode } = execaSync(
  'unshare',
  ['--net', 'ip', 'link', 'add', 'type', 'bridge', 'vlan_filtering', '1'],
  {
    reject: false,
  },
);
const filters = exitCode === 0;
const withFilter = filters ? test : test.skip;
const needs = filters ? '' : " (skipped: this kernel's bridges do not filter VLANs)";

const filterVlans = (lab: Lab) => lab.dom0.namespace.ip('link set xenbr0 type bridge vlan_filtering 1');

interface PortVlans {
  readonly ifname: string;
  readonly vlans: readonly { readonly vlan: number; readonly flags?: readonly string[] }[];
}

/** The VLANs of a port: `10 PVID,Egress Untagged`. */
async function vlansOf(lab: Lab, port: string): Promise<string[]> {
  const listed = JSON.parse(
    await lab.dom0.namespace.run('bridge', ['-j', 'vlan', 'show', 'dev', port]),
  ) as PortVlans[];
  return listed.flatMap(({ vlans }) => vlans.map(({ vlan, flags = [] }) => `${vlan} ${flags.join()}`));
}

test('on a bridge that does not filter VLANs, one is refused, with what to do', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41', backend: { vlan: '10' } });
  const { exitCode, hotplugError = '' } = await guest.online();
  t.is(exitCode, 1);
  const advice =
    /bridge "xenbr0" does not filter VLANs; run "ip link set xenbr0 type bridge vlan_filtering 1"/;
  t.regex(hotplugError, filters ? advice : /this kernel's bridges do not filter VLANs/);
  t.notRegex((await lab.residue()).ebtables?.join('\n') ?? '', /vg-/);
});

withFilter(`guests are in their VLANs, and a tagged frame of theirs is dropped${needs}`, async (t) => {
  const lab = await startLab(t, { hostConfig: 'peers = "open"' });
  await filterVlans(lab);
  for (const vid of ['10', '20'])
    await lab.dom0.namespace.run('bridge', ['vlan', 'add', 'dev', 'uplink0', 'vid', vid]);
  const [first, second, other] = await Promise.all(
    ['10', '10p', '20'].map((vlan, i) =>
      lab.guest({ domid: i + 1, name: `web${i + 1}`, ip: `192.0.2.4${i + 1}`, backend: { vlan } }),
    ),
  );
  if (first === undefined || second === undefined || other === undefined) return t.fail();
  for (const guest of [first, second, other]) {
    t.is((await guest.online()).exitCode, 0);
    await guest.configureAddresses();
  }
  t.deepEqual(await vlansOf(lab, 'vif1.0'), ['10 PVID,Egress Untagged']);
  t.deepEqual(await vlansOf(lab, 'vif3.0'), ['20 PVID,Egress Untagged']);
  t.true(await ping(first, '192.0.2.42'), 'in one VLAN');
  t.false(await ping(first, '192.0.2.43'), 'in two');

  const payload = f.ipv4(
    { src: '192.0.2.41', dst: '192.0.2.255' },
    f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
  );
  const header = { src: first.mac, dst: f.BROADCAST };
  const tagged = (id: number) => f.ethernet({ ...header, tags: [{ id }] }, payload);
  const capture = await lab.gateway.capture();
  const { cursor } = capture;
  await first.send(tagged(20), tagged(10), tagged(0), f.ethernet(header, payload));
  await capture.waitFor((frame) => among([frame])(tagged(10)), cursor);
  const seen = capture
    .since(cursor)
    .filter((frame) => Buffer.from(frame).includes(Buffer.from(payload.bytes)));
  t.is(seen.length, 1, 'the untagged one, with its tag');
});

withFilter(
  `without a VLAN, a guest is in that of the bridge, and its MAC is known there${needs}`,
  async (t) => {
    const lab = await startLab(t);
    await filterVlans(lab);
    const guest = await lab.guest({ domid: 1, ip: '192.0.2.41' });
    t.is((await guest.online()).exitCode, 0);
    await guest.configureAddresses();
    t.deepEqual(await vlansOf(lab, 'vif1.0'), ['1 PVID,Egress Untagged']);
    t.true(await ping(guest, '192.0.2.1'));
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
  },
);

withFilter(`a port in another VLAN is found, and put back; its entries there go${needs}`, async (t) => {
  const lab = await startLab(t);
  await filterVlans(lab);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41', backend: { vlan: '10' } });
  t.is((await guest.online()).exitCode, 0);
  const dom0 = (command: string) => lab.dom0.namespace.run('sh', ['-ec', command]);
  await dom0('bridge vlan add dev vif1.0 vid 20 pvid untagged; bridge vlan add dev vif1.0 vid 30-39');
  await dom0('bridge fdb add 00:16:3e:00:01:00 dev vif1.0 master static vlan 20');
  const { exitCode, stdout } = await vifguard(lab, ['check']);
  t.is(exitCode, 1);
  t.regex(
    stdout,
    /it is in VLAN 10 untagged, 20 PVID untagged, 30-39 tagged, should be in 10; run "vifguard host up"/,
  );
  t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
  t.deepEqual(await vlansOf(lab, 'vif1.0'), ['10 PVID,Egress Untagged']);
  const entries = (await fdb(lab.dom0.namespace)).filter(({ mac }) => mac === guest.mac);
  t.deepEqual(
    entries.map(({ vlan }) => vlan),
    [10, undefined],
  );
  await dom0('ip link set xenbr0 type bridge vlan_filtering 0');
  t.regex((await vifguard(lab, ['check'])).stdout, /^xenbr0: vlan_filtering is off/m);
  t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});
