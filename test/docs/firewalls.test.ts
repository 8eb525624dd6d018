import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import type { Diagnosis } from '../../src/host/doctor.ts';
import { guardedGuest, vifguard } from '../cli/vifguard.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { tcp } from '../lab/traffic.ts';

const rules = (name: string) => readFileSync(new URL(`firewalls/${name}`, import.meta.url), 'utf8');

type Family = 'IPv4' | 'IPv6';

interface Firewall {
  readonly load: readonly (readonly [string, readonly string[], string])[];
  /** Which families of bridged guests it stops even when no bridge is told to call it, but by us. */
  readonly stopsUncalled?: Readonly<Partial<Record<BackendName, readonly Family[]>>>;
  /** Which it stops when every bridge calls it. */
  readonly stops: Readonly<Record<BackendName, readonly Family[]>>;
  /** Lets the guests' bridge pass. */
  readonly remedy: string;
}

const FIREWALLS: Readonly<Record<string, Firewall>> = {
  docker: {
    load: [['iptables-restore', ['--noflush'], 'docker.ipv4']],
    stops: { xtables: ['IPv4'], nftables: ['IPv4'] },
    remedy: 'iptables -I DOCKER-USER -i xenbr0 -o xenbr0 -j ACCEPT',
  },
  ufw: {
    load: [
      ['iptables-restore', ['--noflush'], 'ufw.ipv4'],
      ['ip6tables-restore', ['--noflush'], 'ufw.ipv6'],
    ],
    stops: { xtables: ['IPv4'], nftables: ['IPv4', 'IPv6'] },
    remedy: `iptables -I ufw-before-forward -i xenbr0 -o xenbr0 -j ACCEPT
      ip6tables -I ufw6-before-forward -i xenbr0 -o xenbr0 -j ACCEPT`,
  },
  firewalld: {
    load: [['nft', ['-f', '-'], 'firewalld.nft']],
    stopsUncalled: { xtables: ['IPv6'] },
    stops: { xtables: ['IPv4', 'IPv6'], nftables: ['IPv4', 'IPv6'] },
    // What firewalld writes after firewall-cmd --permanent --zone=public --change-interface=xenbr0, and --reload.
    remedy: 'nft add rule inet firewalld filter_FWD_public_allow oifname xenbr0 accept',
  },
};

// A connection that fails leaves its listener behind for a while.
let port = 4242;

async function warning(lab: Lab): Promise<string | undefined> {
  const { stdout } = await vifguard(lab, ['doctor', '--json']);
  const found = (JSON.parse(stdout) as Diagnosis[]).find(({ subject }) => subject === 'bridge xenbr0');
  return found?.severity === 'warn' ? found.message : undefined;
}

async function expectStopped(t: ExecutionContext, lab: Lab, stopped: readonly Family[]): Promise<void> {
  const [guest] = lab.guests;
  if (guest === undefined) throw new Error('no guest');
  t.is(await tcp(guest, lab.gateway, GATEWAY.ip, port++), !stopped.includes('IPv4'), 'IPv4');
  t.is(await tcp(guest, lab.gateway, GATEWAY.ip6, port++), !stopped.includes('IPv6'), 'IPv6');
  const said = await warning(lab);
  if (stopped.length === 0) t.is(said, undefined);
  else t.true(said?.startsWith(`its ${stopped.join(' and ')} meets dom0's own firewall`), said);
}

for (const backend of BACKENDS) {
  for (const [name, { load, stopsUncalled, stops, remedy }] of Object.entries(FIREWALLS)) {
    test(`${backend}: doctor warns where ${name} stops bridged guests, and only there`, async (t) => {
      const lab = await startLab(t, { backend });
      const { namespace } = lab.dom0;
      const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
      await guest.configureAddresses();
      await expectStopped(t, lab, []);
      for (const [program, args, file] of load) await namespace.run(program, args, { input: rules(file) });
      await expectStopped(t, lab, stopsUncalled?.[backend] ?? []);
      const calls = ['net.bridge.bridge-nf-call-iptables=1', 'net.bridge.bridge-nf-call-ip6tables=1'];
      await namespace.run('sysctl', ['-qw', ...calls]);
      await expectStopped(t, lab, stops[backend]);
      await namespace.run('sh', ['-ec', remedy]);
      await expectStopped(t, lab, []);
    });
  }
}
