import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { guardedGuest, vifguard, vifguardJson } from './vifguard.ts';

/** A frame of the guest's own, which is lawful: it arrives unless the port is closed. */
function lawful(guest: Guest) {
  return datagram(guest, guest.addresses.ip ?? '');
}

/** One with an address that is not the guest's. */
function spoofed(guest: Guest) {
  return datagram(guest, '192.0.2.66');
}

function datagram({ mac }: Guest, src: string) {
  const payload = f.ipv4({ src, dst: '192.0.2.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker()));
  return f.ethernet({ src: mac, dst: f.BROADCAST }, payload);
}

/** The tools make tables when they first write to them, and leave them empty. */
async function makeEmptyTables(lab: Lab): Promise<void> {
  const chains = ['ebtables -t nat', 'ebtables -t filter', 'ip6tables -t raw', 'ip6tables -t filter'];
  const commands = chains.map((command) => `${command} -N mine; ${command} -X mine`);
  await lab.dom0.namespace.run('sh', ['-ec', commands.join('\n')]);
}

test('host up comes before the first guest, host down after the last, and each once is enough', async (t) => {
  const lab = await startLab(t);
  await makeEmptyTables(lab);
  const before = await lab.residue();
  const up = await vifguard(lab, ['host', 'up']);
  t.is(up.exitCode, 0, up.stderr);
  t.regex(up.stdout, /^packet filter: written \(\d+ differences\)$/m);
  const set = await lab.residue();
  t.notDeepEqual(set.ebtables, before.ebtables);
  t.deepEqual(await vifguard(lab, ['host', 'up']), {
    exitCode: 0,
    stdout: 'nothing to do: the host was set up',
    stderr: '',
  });
  t.deepEqual(await lab.residue(), set);
  t.regex((await vifguard(lab, ['check'])).stdout, /^all well: .* the tables stand ready/);

  const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  await guest.configureAddresses();
  t.true(await ping(guest, GATEWAY.ip));
  const refused = await vifguard(lab, ['host', 'down']);
  t.is(refused.exitCode, 1);
  t.regex(
    refused.stderr,
    /^vifguard: these ports are guarded .*: web1 \(vif1\.0\); shut their guests down first$/,
  );
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
  t.true(await ping(guest, GATEWAY.ip));

  t.is((await guest.offline()).exitCode, 0);
  await guest.forget();
  t.regex((await vifguard(lab, ['check'])).stdout, /the tables stand ready/);
  const down = await vifguard(lab, ['host', 'down']);
  t.deepEqual(down, { exitCode: 0, stdout: 'everything of vifguard is out of the kernel', stderr: '' });
  t.is((await vifguard(lab, ['host', 'down'])).stdout, 'nothing to do: the host was not set up');
  const after = await lab.residue();
  for (const kind of ['ebtables', 'ip6tables', 'links', 'fdb', 'sysctls', 'xenstore']) {
    t.deepEqual(after[kind], before[kind], kind);
  }
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});

for (const backend of BACKENDS) {
  test(`${backend}: host up leaves what is right untouched, its counters too`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    await guest.send(spoofed(guest));
    const drops = async () => JSON.parse((await vifguard(lab, ['status', '--json'])).stdout).ports[0].drops;
    t.is((await drops())['ipv4-spoof'], 1);
    t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    t.is((await drops())['ipv4-spoof'], 1);
  });
}

test('xtables: host up writes the chains that differ, and leaves the counters of others', async (t) => {
  const lab = await startLab(t, { backend: 'xtables' });
  const web1 = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  const web2 = await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
  await web1.send(spoofed(web1));
  const attack = spoofed(web2);
  await lab.exec('ebtables', ['-t', 'nat', '-I', 'vg-in:vif2.0', '-j', 'vg-ok:0x80000000']);
  await web2.expectArrives(attack, { at: lab.gateway });
  t.regex((await vifguard(lab, ['host', 'up'])).stdout, /^packet filter: written \(1 difference\)$/m);
  await web2.expectDoesNotArrive(attack, { at: lab.gateway });
  const { ports } = await vifguardJson<{ ports: { port: string; drops: Record<string, number> }[] }>(
    lab,
    'status',
  );
  t.is(ports.find(({ port }) => port === 'vif1.0')?.drops['ipv4-spoof'], 1);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});

for (const backend of BACKENDS) {
  test(`${backend}: host up after nft flush ruleset keeps attacks out and lets lawful traffic through again`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    const attack = spoofed(guest);
    await lab.exec('nft', ['flush', 'ruleset']);
    await guest.expectArrives(attack, { at: lab.gateway });
    t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    await guest.expectDoesNotArrive(attack, { at: [lab.gateway, lab.dom0] });
    await guest.expectArrives(lawful(guest), { at: [lab.gateway, lab.dom0] });
  });
}

for (const backend of BACKENDS) {
  test(`${backend}: a registry that cannot be read is moved away: host up closes its ports until their guests restart`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    const other = await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
    await lab.dom0.namespace.run('sh', ['-c', 'echo "{" >"$(echo /run/vifguard/net-*)/host.json"']);
    for (const args of [['status'], ['check'], ['show', 'vif1.0'], ['host', 'up'], ['host', 'down']]) {
      const { exitCode, stderr } = await vifguard(lab, args);
      t.is(exitCode, 1, args.join(' '));
      t.regex(stderr, /^vifguard: cannot read \S+host\.json; move it away and run "vifguard host up": /);
      t.false(stderr.includes('\n'));
    }
    await lab.dom0.namespace.run('sh', ['-c', 'mv /run/vifguard/net-*/host.json /run/moved']);

    const refused = await vifguard(lab, ['host', 'down']);
    t.is(refused.exitCode, 1);
    t.regex(refused.stderr, /would be left open: vif1\.0, vif2\.0;/);
    const checked = await vifguard(lab, ['check']);
    t.regex(
      checked.stdout,
      /^vif1\.0: unguarded: on xenbr0, and vifguard has rules but no record of it any more;/m,
    );

    const up = await vifguard(lab, ['host', 'up']);
    t.is(up.exitCode, 0, up.stderr);
    t.regex(up.stdout, /^vif1\.0: closed, as its record is lost; restart the guest$/m);
    t.regex(up.stdout, /^vif2\.0: closed/m);
    t.is(up.stderr, '');
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
    for (const { mac } of [guest, other]) {
      const { stdout } = await lab.exec('ip', ['-o', 'link', 'show', 'master', 'xenbr0']);
      t.false(stdout.includes(mac) || stdout.includes('vif'));
    }

    t.is((await guest.offline()).exitCode, 0);
    t.is((await guest.online()).exitCode, 0);
    await guest.expectArrives(lawful(guest), { at: lab.gateway });
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
  });
}

test('dom0 tracks what its guests send to it, whatever MAC its bridge has by now', async (t) => {
  const lab = await startLab(t, { backend: 'xtables' });
  const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '2001:db8:0:ffff::41' });
  await guest.configureAddresses();
  const untracked = 'INPUT -p icmpv6 --icmpv6-type echo-request -m conntrack --ctstate UNTRACKED -j DROP';
  await lab.dom0.namespace.run('sh', ['-ec', `ip6tables -A ${untracked}`]);
  t.true(await ping(guest, DOM0.ip6));
  await lab.dom0.namespace.run('ip', ['link', 'set', 'xenbr0', 'address', '02:00:00:00:00:99']);
  await guest.namespace.run('ip', ['neigh', 'flush', 'all']);
  t.true(await ping(guest, DOM0.ip6));
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
});

/** What somebody does who renames a guest's port. */
const RENAME = 'ip link set vif1.0 down; ip link set vif1.0 name stray; ip link set stray up';

for (const backend of BACKENDS) {
  test(`${backend}: a port that somebody renamed is found, gets its name again by host up, and is guarded`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    const attack = spoofed(guest);
    await lab.dom0.namespace.run('sh', ['-ec', RENAME]);
    // ebtables knows ports by name only.
    if (backend === 'xtables') await guest.expectArrives(attack, { at: lab.gateway });
    else await guest.expectDoesNotArrive(attack, { at: [lab.gateway, lab.dom0] });
    await guest.expectArrives(lawful(guest), { at: lab.gateway });
    const rules = backend === 'xtables' ? ', which has no rules' : '';
    t.deepEqual(await vifguard(lab, ['check']), {
      exitCode: 1,
      stdout: `vif1.0: was renamed to stray${rules}; run "vifguard host up"`,
      stderr: '',
    });
    t.deepEqual(await vifguard(lab, ['host', 'up']), {
      exitCode: 0,
      stdout: 'vif1.0: was renamed to stray; has its name again',
      stderr: '',
    });
    await guest.expectDoesNotArrive(attack, { at: [lab.gateway, lab.dom0] });
    await guest.expectArrives(lawful(guest), { at: lab.gateway });
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
  });
}

test("a renamed port whose record has gone is taken for a guest's, not for an uplink", async (t) => {
  const lab = await startLab(t);
  await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
  await lab.dom0.namespace.run('sh', ['-ec', `${RENAME}; rm /run/vifguard/net-*/ports/vif1.0.json`]);
  const { stdout } = await vifguard(lab, ['check']);
  t.is(
    stdout.split('\n')[0],
    'stray: unguarded: on xenbr0, locked as a guest\'s port is, and vifguard has no record of it; unless it is you who locked it, run "ip link set dev stray down", and restart its guest',
  );
});

for (const backend of BACKENDS) {
  test(`${backend}: offline closes a port that somebody renamed, and leaves nothing of it`, async (t) => {
    const lab = await startLab(t, { backend });
    await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
    const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
    await lab.dom0.namespace.run('sh', ['-ec', RENAME]);
    t.is((await guest.hotplug('offline').result).exitCode, 0);
    const stray = await lab.dom0.namespace.run('ip', ['-o', 'link', 'show', 'stray']);
    t.notRegex(stray, /master|[<,]UP[,>]|group (?!default)/);
    const { exitCode, stdout } = await vifguard(lab, ['check']);
    t.is(exitCode, 0, stdout);
  });
}

test('what stands in the way of one port keeps host up from no other', async (t) => {
  const lab = await startLab(t);
  const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
  await lab.dom0.namespace.ip(
    `link set xenbr0 address ${guest.mac}`,
    'link set vif2.0 type bridge_slave isolated off',
  );
  const { exitCode, stdout, stderr } = await vifguard(lab, ['host', 'up']);
  t.is(exitCode, 0, stderr);
  const [done, obstacle] = stdout.split('\n');
  t.regex(
    obstacle ?? '',
    /^vif1\.0: cannot be put right: MAC 00:16:3e:00:01:00 is that of dom0's own xenbr0; /,
  );
  t.is(done, 'vif2.0: isolated is off, should be on; restored');
  t.regex(stderr, /^vif1\.0: 00:16:3e:00:01:00 has no static FDB entry; /);
});

test('host up waits for an event that is under way', async (t) => {
  const lab = await startLab(t);
  await vifguard(lab, ['host', 'up']);
  const event = lab.dom0.namespace.spawn('sh', [
    '-c',
    'exec flock --no-fork /run/vifguard/net-*/lock sleep 60',
  ]);
  const who =
    'lock=$(echo /run/vifguard/net-*/lock); find /proc/[0-9]*/fd -lname "$lock" 2>/dev/null | cut -d/ -f3 | sort -u';
  const withLockOpen = async () => (await lab.exec('sh', ['-c', who])).stdout.split('\n').filter(Boolean);
  await poll('the event', async () => (await withLockOpen()).length === 1);
  let isOver = false;
  const up = vifguard(lab, ['host', 'up']).finally(() => {
    isOver = true;
  });
  await poll('one more who wants the lock', async () => (await withLockOpen()).length > 1, 20_000);
  // What waits for nothing takes no longer than this.
  await vifguard(lab, ['check']);
  t.false(isOver);
  t.is(event.exitCode, null);
  event.kill('SIGKILL');
  t.is((await up).exitCode, 0);
});
