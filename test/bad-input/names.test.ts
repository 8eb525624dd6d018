import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import { vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import { startLab } from '../lab/lab.ts';

/** Names that a shell, a rule, a path, a config or a terminal might take for more than a name. */
const DOMAINS = [
  '$(touch HERE)',
  '`touch HERE`',
  "'; touch HERE; '",
  'a" ]\nvif = [ "mac=00:16:3e:66:66:66',
  '../../etc/passwd',
  '..',
  '-rf',
  '%s%n',
  'web1 -j ACCEPT',
  '"; flush ruleset; #',
  'żółć-\u202egnp',
  '🦊'.repeat(60),
  'x'.repeat(1000),
  '\x1b[2J\x07',
  '__proto__',
];

const PORTS = [
  { type: 'vif', vifname: '0-a.b_c-d.e_f-g' },
  { type: 'vif_ioemu', vifname: '_9.8-7.6-54' },
  { type: 'vif', vifname: 'constructor' },
  { type: 'vif', vifname: '__proto__' },
] as const;

/** What no listing has when nothing of ours is left. */
const OURS = /vg-|vifguard/;

for (const backend of BACKENDS) {
  test(`${backend}: whatever a domain is called, its port is guarded, and nothing of the name is run`, async (t) => {
    const lab = await startLab(t, { backend });
    await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]`);
    const before = await lab.residue();
    const guests = [];
    for (const [index, name] of DOMAINS.entries()) {
      const guest = await lab.guest({ domid: index + 1, name, ip: `192.0.2.${50 + index}` });
      const { exitCode, stderr } = await guest.online();
      t.is(exitCode, 0, `${name}: ${stderr}`);
      guests.push(guest);
    }
    for (const args of [['status'], ['check'], ...guests.map(({ device }) => ['show', device])]) {
      const printed = await vifguard(lab, args);
      t.is(printed.exitCode, 0, `${args.join(' ')}: ${printed.stdout}${printed.stderr}`);
      t.regex(printed.stdout, /^(?:\n|[^\p{C}\p{Zl}\p{Zp}])*$/u, args.join(' '));
    }
    for (const guest of guests) {
      t.is((await guest.offline()).exitCode, 0, guest.name);
      await guest.forget();
    }
    const after = await lab.residue();
    for (const listing of ['links', 'fdb']) t.deepEqual(after[listing], before[listing]);
    t.notRegex(after.nftables?.join('\n') ?? '', OURS);
    t.is((await lab.exec('sh', ['-c', 'ls HERE /HERE'])).stdout, '');
  });

  test(`${backend}: ports with names as long as they may be, odd ones, and those of every object`, async (t) => {
    const lab = await startLab(t, { backend });
    await lab.writeHostConfig('dom0 = "icmp"');
    for (const [index, { type, vifname }] of PORTS.entries()) {
      const guest = await lab.guest({ domid: index + 1, ip: '192.0.2.41', type, vifname });
      const { exitCode, stderr } = await guest.online();
      t.is(exitCode, 0, `${vifname}: ${stderr}`);
      const nics = type === 'vif' ? [guest.nic] : [guest.nic, guest.emulatedNic];
      for (const nic of nics) {
        const frames = ['192.0.2.41', '192.0.2.42'].map((src) =>
          f.ethernet(
            { src: guest.mac, dst: f.BROADCAST },
            f.ipv4({ src, dst: '192.0.2.255' }, f.icmpEchoReply(f.marker())),
          ),
        );
        const only = [true, false];
        t.deepEqual(await guest.arrivals(frames, [lab.gateway, lab.dom0], nic), [only, only], vifname);
      }
      const checked = await vifguard(lab, ['check']);
      t.is(checked.exitCode, 0, `${vifname}: ${checked.stdout}${checked.stderr}`);
      t.is((await guest.online()).exitCode, 0, `${vifname}, twice`);
      t.is((await guest.offline()).exitCode, 0, vifname);
      await guest.forget();
      t.notRegex((await lab.residue()).nftables?.join('\n') ?? '', OURS, vifname);
    }
  });
}
