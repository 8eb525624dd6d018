import test from 'ava';
import { vifguard } from '../cli/vifguard.ts';
import { fdb } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

// How xl calls the script (libxl__get_hotplug_script_info in libxl_linux.c), and what it finds afterwards.

interface PortInfo {
  readonly mtu: number;
  readonly operstate: string;
  readonly master?: string;
  readonly linkinfo: { readonly info_slave_data?: Readonly<Record<string, unknown>> };
}

async function port(lab: Lab, name: string): Promise<PortInfo> {
  const [link] = JSON.parse(
    await lab.dom0.namespace.run('ip', ['-j', '-d', 'link', 'show', name]),
  ) as PortInfo[];
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
}

const backend = (guest: Guest, key: string) =>
  guest.lab.store.read(`/local/domain/0/backend/vif/${guest.vif.domid}/${guest.vif.handle}/${key}`);

for (const [args, env] of [
  [['online', 'type_if=tap'], {}],
  [['offline', 'type_if=tap'], {}],
  [['add', 'type_if=vif'], {}],
  [['remove', 'type_if=vif'], {}],
] as const) {
  test(`${args.join(' ')} is silent and does nothing`, async (t) => {
    const lab = await startLab(t);
    const before = await lab.residue();
    t.deepEqual(await lab.exec(lab.script, args, { env }), { exitCode: 0, stdout: '', stderr: '' });
    t.deepEqual(await lab.residue(), before);
  });
}

test('what xl would not call is refused in one sentence', async (t) => {
  const lab = await startLab(t);
  const said = async (args: string[], env: Record<string, string> = {}) => {
    const { exitCode, stdout, stderr } = await lab.exec(lab.script, args, { env });
    t.is(exitCode, 1);
    t.is(stdout, '');
    t.is(stderr.split('\n').length, 1, stderr);
    return stderr;
  };
  t.regex(await said([]), /"" is no hotplug event/);
  t.regex(await said(['--help']), /"vifguard"/);
  t.regex(await said(['online']), /"online" is no hotplug event/);
  t.regex(await said(['online', 'type_if=vif']), /vif is not set/);
  t.regex(await said(['online', 'type_if=vif'], { vif: 'vif1.0' }), /XENBUS_PATH is not set/);
  const odd = { vif: 'vif1.0', XENBUS_PATH: '../../etc/passwd' };
  t.regex(
    await said(['online', 'type_if=vif'], odd),
    /"\.\.\/\.\.\/etc\/passwd" is not a vif's backend path/,
  );
  t.regex(await said(['add', 'type_if=tap'], { XENBUS_PATH: 'backend/vif/1/0' }), /INTERFACE is not set/);
});

test('vifname names the port, from online to offline', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 3, handle: 1, ip: '192.0.2.43', vifname: 'web-eth1-public' });
  t.is((await guest.online()).exitCode, 0);
  t.is((await port(lab, 'web-eth1-public')).master, 'xenbr0');
  t.is((await guest.online()).exitCode, 0, 'twice');
  t.is((await guest.offline({ device: 'present' })).exitCode, 0);
  t.is((await port(lab, 'web-eth1-public')).master, undefined);
  t.notRegex((await lab.residue()).ebtables?.join('\n') ?? '', /vg-/);
});

test("the MTU is the bridge's, or the spec's, and the guest is told", async (t) => {
  const lab = await startLab(t);
  await lab.dom0.namespace.ip('link set uplink0 mtu 1400', 'link set xenbr0 mtu 1400');
  const plain = await lab.guest({ domid: 1, ip: '192.0.2.41' });
  const own = await lab.guest({ domid: 2, ip: '192.0.2.42', mtu: 1300 });
  t.is((await plain.online()).exitCode, 0);
  t.is((await own.online()).exitCode, 0);
  t.deepEqual([(await port(lab, 'vif1.0')).mtu, (await port(lab, 'vif2.0')).mtu], [1400, 1300]);
  t.is(await lab.store.read('/local/domain/1/device/vif/0/mtu'), '1400');
  t.is(await lab.store.read('/local/domain/2/device/vif/0/mtu'), '1300');
});

test('the policy is published while the port is there, and a former error is gone', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41 2001:db8::/64' });
  await lab.store.write({ '/local/domain/0/backend/vif/1/0/hotplug-error': 'of yesterday' });
  t.is((await guest.online()).exitCode, 0);
  t.is(await backend(guest, 'hotplug-error'), undefined);
  t.is(await backend(guest, 'vifguard/ipv4'), '192.0.2.41');
  t.is(await backend(guest, 'vifguard/ipv6'), '2001:db8::/64');
  t.is(await backend(guest, 'vifguard/dhcp'), 'on');
  t.is((await guest.offline()).exitCode, 0);
  t.is(await backend(guest, 'vifguard/mode'), undefined);
});

test('offline does not bring a vif back that libxl has removed', async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 1, ip: '192.0.2.41' });
  t.is((await guest.online()).exitCode, 0);
  await guest.unplug();
  await guest.forget();
  t.is((await guest.hotplug('offline').result).exitCode, 0);
  t.deepEqual(await lab.store.list('/local/domain/0/backend/vif'), []);
  t.notRegex((await lab.residue()).ebtables?.join('\n') ?? '', /vg-/);
});

const flags = async (lab: Lab, name: string) => {
  const { locked, learning, isolated } = (await port(lab, name)).linkinfo.info_slave_data ?? {};
  return { locked, learning, isolated };
};

test("an HVM guest's vif and tap learn together, and the vif is locked again once the tap has gone", async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 4, type: 'vif_ioemu', ip: '192.0.2.44', vifname: 'win-eth0' });
  t.is((await guest.hotplug('online').result).exitCode, 0);
  t.deepEqual(await flags(lab, 'win-eth0'), { locked: true, learning: false, isolated: true });
  t.is((await guest.hotplug('add').result).exitCode, 0);
  const learning = { locked: false, learning: true, isolated: true };
  t.deepEqual(await flags(lab, 'win-eth0'), learning);
  t.deepEqual(await flags(lab, 'win-eth0-emu'), learning);
  t.is((await guest.hotplug('remove').result).exitCode, 0);
  t.deepEqual(await flags(lab, 'win-eth0'), { locked: true, learning: false, isolated: true });
  const entries = (await fdb(lab.dom0.namespace)).filter(({ mac }) => mac === guest.mac);
  t.deepEqual(
    entries.map(({ ifname, state }) => [ifname, state]),
    [['win-eth0', 'static']],
  );
  t.is((await guest.offline()).exitCode, 0);
  t.notRegex((await lab.residue()).ebtables?.join('\n') ?? '', /vg-/);
});

test("an HVM guest's tap that comes does not put its vif on the bridge, which is off it", async (t) => {
  const lab = await startLab(t);
  const guest = await lab.guest({ domid: 4, type: 'vif_ioemu', ip: '192.0.2.44' });
  t.is((await guest.hotplug('online').result).exitCode, 0);
  await lab.dom0.namespace.ip('link set vif4.0 down nomaster');
  t.is((await guest.hotplug('add').result).exitCode, 0);
  t.is((await port(lab, 'vif4.0')).master, undefined);
  t.is((await port(lab, 'vif4.0-emu')).master, 'xenbr0');
});

test('a guest that migrates to its own host is itself there already', async (t) => {
  const lab = await startLab(t);
  const source = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const target = await lab.guest({ domid: 2, name: 'web1--incoming', ip: '192.0.2.41', mac: source.mac });
  const other = await lab.guest({ domid: 3, name: 'web3--incoming', ip: '192.0.2.41' });
  t.is((await source.online()).exitCode, 0);
  t.is((await target.online()).exitCode, 0);
  t.is((await other.online()).exitCode, 1);
  t.is((await source.offline()).exitCode, 0);
  await target.configureAddresses();
  t.true(await ping(target, GATEWAY.ip));
  // libxl takes the mark off the domain's name when it has come.
  t.regex((await vifguard(lab, ['status'])).stdout, / vif2\.0 +web1 /);
});

test('the source of a migration that fails goes on', async (t) => {
  const lab = await startLab(t);
  const source = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41' });
  const target = await lab.guest({ domid: 2, name: 'web1--incoming', ip: '192.0.2.41', mac: source.mac });
  t.is((await source.online()).exitCode, 0);
  t.is((await target.online()).exitCode, 0);
  t.is((await target.offline()).exitCode, 0);
  await source.configureAddresses();
  t.true(await ping(source, GATEWAY.ip));
});

test('a vif of the domain config gets its directives by its position, and one attached later does not', async (t) => {
  const lab = await startLab(t);
  await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
  await lab.writeFile(
    'web1.cfg',
    `name = 'web1'
vif = [ 'mac=00:16:3e:00:01:00', 'bridge=xenbr0' ]
vifguard = [ 'dhcp=off', 'peers=open' ]
`,
  );
  const vifs = await Promise.all([0, 1, 2].map((handle) => lab.guest({ domid: 1, handle, name: 'web1' })));
  for (const vif of vifs) t.is((await vif.online()).exitCode, 0);
  const published = (key: string) => Promise.all(vifs.map((vif) => backend(vif, `vifguard/${key}`)));
  t.deepEqual(await published('dhcp'), ['off', 'on', 'on']);
  t.deepEqual(await published('peers'), ['isolated', 'open', 'isolated']);
});

test('a config that cannot be read as one refuses its own domain, with line and column, and no other', async (t) => {
  const lab = await startLab(t);
  await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
  await lab.writeFile('web1.cfg', "name = 'web1'\nvif = [ 'bridge=xenbr0' ]\nvifguard = [ 'dchp=off' ]\n");
  const [first, second] = await Promise.all(
    ['web1', 'web2'].map((name, index) => lab.guest({ domid: index + 1, name })),
  );
  const { exitCode, hotplugError } = (await first?.online()) ?? {};
  t.is(exitCode, 1);
  t.regex(hotplugError ?? '', /web1\.cfg:3:15: unknown vifguard key "dchp"; did you mean "?dhcp/);
  t.is((await second?.online())?.exitCode, 0);
});
