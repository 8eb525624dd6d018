import test from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import type { Diagnosis } from '../../src/host/doctor.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { vifguard } from './vifguard.ts';

async function diagnoses(lab: Lab): Promise<ReadonlyMap<string, Diagnosis>> {
  const { stdout } = await vifguard(lab, ['doctor', '--json']);
  return new Map((JSON.parse(stdout) as Diagnosis[]).map((diagnosis) => [diagnosis.subject, diagnosis]));
}

/** What is looked at for one backend only, and the Debian package of its tools. */
const OF_BACKEND: Readonly<
  Record<BackendName, { tools: readonly string[]; also: readonly string[]; debian: string }>
> = {
  xtables: {
    tools: ['ebtables-nft', 'ip6tables-nft'],
    also: ['br_netfilter'],
    debian: 'iptables',
  },
  nftables: { tools: ['nft'], also: [], debian: 'nftables' },
};

for (const backend of BACKENDS) {
  test(`${backend}: doctor looks at the tools of the backend in the host config, and tries its rules`, async (t) => {
    const lab = await startLab(t, { backend });
    const before = await lab.residue();
    const found = await diagnoses(lab);
    for (const [name, { tools, also }] of Object.entries(OF_BACKEND)) {
      for (const subject of [...tools, ...also]) {
        t.is(found.get(subject)?.severity, name === backend ? 'ok' : undefined, subject);
      }
    }
    t.is(found.get('rules')?.severity, 'ok');
    t.deepEqual(await lab.residue(), before);
  });

  test(`${backend}: doctor takes no guest's port for an uplink, whatever its name is`, async (t) => {
    const lab = await startLab(t, { backend });
    const guest = await lab.guest({ domid: 1, vifname: 'shop' });
    t.is((await guest.online()).exitCode, 0);
    t.is((await diagnoses(lab)).get('bridge xenbr0')?.message, 'uplink uplink0');
  });

  test(`${backend}: doctor names the package of a tool that is missing`, async (t) => {
    const lab = await startLab(t, { backend });
    await lab.dom0.namespace.run('mount', ['-t', 'tmpfs', 'tmpfs', '/usr/sbin']);
    const found = await diagnoses(lab);
    const { tools, debian } = OF_BACKEND[backend];
    for (const tool of tools) {
      t.is(found.get(tool)?.severity, 'fail', tool);
      t.is(found.get(tool)?.remedy, `run "apt install ${debian}"`);
    }
    t.is(found.get('rules')?.severity, 'fail');
  });
}
