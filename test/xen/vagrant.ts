import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { Dom0, type Result } from './dom0.ts';
import { XenTestError } from './error.ts';

const BUILD = fileURLToPath(new URL('../../build/vagrant', import.meta.url));
const SSH_CONFIG = join(BUILD, 'ssh-config');

/** Boxes and machines of the caller's own are left alone. */
const ENVIRONMENT = {
  VAGRANT_CWD: fileURLToPath(new URL('../../vagrant', import.meta.url)),
  VAGRANT_HOME: join(BUILD, 'home'),
  VAGRANT_DOTFILE_PATH: join(BUILD, 'machine'),
  VAGRANT_DEFAULT_PROVIDER: 'libvirt',
};

const UP_SECONDS = 1200;

// What a script leaves running in the background would keep the connection open, were its output not in files; sudo
// would hang it up with its terminal, were it not in a session of its own.
const REMOTE = `d=$(mktemp -d); cat >$d/script
  LC_ALL=C.UTF-8 setsid --wait sh $d/script </dev/null >$d/out 2>$d/err
  status=$?; cat $d/out; cat $d/err >&2; rm -r $d; exit $status`;

/** ssh's own status for a connection that failed. */
const DISCONNECTED = 255;

/** The machine of vagrant/Vagrantfile, and its dom0. */
export class Vagrant {
  readonly dom0 = new Dom0((script, timeoutMs) => this.#run(script, timeoutMs));

  private constructor() {}

  /** Has nothing to do with a machine of an earlier run. @throws XenTestError when it does not come up. */
  static async up(): Promise<Vagrant> {
    await mkdir(BUILD, { recursive: true });
    await vagrant(['up'], 'inherit');
    await writeFile(SSH_CONFIG, await vagrant(['ssh-config']));
    return new Vagrant();
  }

  /** As a user does it, each time over a connection of its own. */
  async ssh(command: string): Promise<string> {
    return vagrant(['ssh', '--command', command]);
  }

  static async destroy(): Promise<void> {
    await vagrant(['destroy', '--force'], 'inherit');
  }

  /** As `vagrant ssh` does it, but all over one connection. */
  async #run(script: string, timeoutMs: number): Promise<Result> {
    const shared = ['ControlMaster=auto', 'ControlPersist=60', 'ControlPath=/run/vifguard-%C'].flatMap(
      (option) => ['-o', option],
    );
    const command = ['-F', SSH_CONFIG, ...shared, 'default', `sudo sh -c '${REMOTE}'`];
    const { exitCode, timedOut, stdout, stderr } = await execa('ssh', command, {
      input: `${script}\n`,
      reject: false,
      timeout: timeoutMs,
      stripFinalNewline: false,
    });
    if (timedOut) throw new XenTestError(`no answer in ${timeoutMs / 1000} s: ${script}`);
    if (exitCode === undefined || exitCode === DISCONNECTED) {
      throw new XenTestError(`the machine cannot be reached: ${stderr}`);
    }
    return { status: exitCode, stdout, stderr };
  }
}

async function vagrant(words: readonly string[], output: 'inherit' | 'pipe' = 'pipe'): Promise<string> {
  const { failed, stdout, stderr } = await execa('vagrant', words, {
    env: ENVIRONMENT,
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    reject: false,
    timeout: UP_SECONDS * 1000,
  });
  if (failed) throw new XenTestError(`vagrant ${words.join(' ')} failed: ${stderr ?? 'see above'}`);
  return stdout ?? '';
}
