import { fileURLToPath } from 'node:url';
import { LabError } from '../lab/error.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { RunResult } from '../lab/netns.ts';
import type { Owner } from '../lab/turn.ts';

const SCRIPT = fileURLToPath(new URL('installed-vif-guard', import.meta.url));
const ROOT = '/mnt/root';

/** What dpkg and apt keep for themselves. */
const OF_PACKAGING = ['/var/lib/dpkg', '/var/lib/apt', '/var/cache', '/var/log'];

/**
 * A lab whose dom0 is an own Debian: a layer in memory over a base tree, gone with the lab. What runs in it
 * has the lab's network, xenstored and directory, and the installed package's configuration.
 */
export class DebianDom0 {
  private constructor(readonly lab: Lab) {}

  /** `prepare` comes before its /run is taken over: named namespaces, say. */
  static async start(owner: Owner, base: string, prepare?: (lab: Lab) => Promise<void>): Promise<DebianDom0> {
    const lab = await startLab(owner, { script: SCRIPT, environment: { VIFGUARD_CONF: '' } });
    await prepare?.(lab);
    const mounts = [
      'mount -t tmpfs tmpfs /mnt',
      `mkdir /mnt/upper /mnt/work ${ROOT}`,
      `mount -t overlay overlay -o lowerdir=${base},upperdir=/mnt/upper,workdir=/mnt/work ${ROOT}`,
      ...['/dev', '/sys', '/run'].map((path) => `mount --rbind ${path} ${ROOT}${path}`),
      `mount -t proc proc ${ROOT}/proc`,
      `mount -t tmpfs tmpfs ${ROOT}/tmp`,
      `mkdir ${ROOT}${lab.dir}`,
      `mount --bind ${lab.dir} ${ROOT}${lab.dir}`,
    ];
    await lab.dom0.namespace.run('sh', ['-ec', mounts.join('\n')]);
    return new DebianDom0(lab);
  }

  /** Runs a command of the tree to its end, whatever that is. */
  try(command: string, ...args: readonly string[]): Promise<RunResult> {
    // dpkg gives maintainer scripts a terminal.
    const env = { LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', NO_COLOR: '1' };
    return this.lab.exec('chroot', [ROOT, command, ...args], { env, timeout: 120_000 });
  }

  /** @throws LabError unless it exits with 0 */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(command, ...args);
    if (exitCode === 0) return stdout;
    throw new LabError(`"${[command, ...args].join(' ')}" exited with ${exitCode}: ${stderr || stdout}`);
  }

  /** Runs a shell script of the tree. @throws LabError unless it exits with 0 */
  sh(script: string): Promise<string> {
    return this.run('sh', '-ec', script);
  }

  /** Installs a package from a file; what apt says on stdout and stderr. @throws LabError */
  async install(deb: string): Promise<string> {
    await this.lab.dom0.namespace.run('cp', [deb, `${ROOT}/root/vifguard.deb`]);
    const said = await this.sh('apt-get install --yes /root/vifguard.deb 2>&1');
    await this.sh('rm /root/vifguard.deb');
    return said;
  }

  /** @throws LabError */
  remove(how: 'remove' | 'purge'): Promise<string> {
    return this.sh(`apt-get ${how} --yes vifguard 2>&1`);
  }

  /** Every file of the tree with type, owner, mode and size, but for dpkg's and apt's own. */
  async files(): Promise<string[]> {
    const pruned = [...OF_PACKAGING, '/run', '/tmp', '/dev', '/sys', '/proc'];
    const prune = pruned.map((path) => `-path ${path} -prune`).join(' -o ');
    // The size of a directory tells of its past.
    const list = `find / ${prune} -o -type d -printf '%p d %u %m\\n' -o -printf '%p %y %u %m %s %l\\n'`;
    return (await this.sh(list)).split('\n').sort();
  }
}
