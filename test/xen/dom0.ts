import { XenTestError } from './error.ts';

/** How a shell script ended, and what it printed. */
export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell script as root, wherever dom0 is. @throws XenTestError when it does not end in time. */
export type Shell = (script: string, timeoutMs: number) => Promise<Result>;

export interface RunOptions {
  /** In seconds of this machine. */
  readonly timeout?: number;
}

/** The dom0 under test. Emulated, it is some thirty times as slow as this machine: give it time. */
export class Dom0 {
  constructor(readonly shell: Shell) {}

  /** Runs a script, however it ends. */
  async attempt(script: string, { timeout = 240 }: RunOptions = {}): Promise<Result> {
    return this.shell(script, timeout * 1000);
  }

  /** Runs a script and gives what it printed. @throws XenTestError when it fails. */
  async run(script: string, options: RunOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.attempt(script, options);
    if (status !== 0) throw new XenTestError(`"${script}" ended with ${status}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  async write(path: string, text: string): Promise<void> {
    await this.run(
      `mkdir -p "$(dirname '${path}')" && cat >'${path}' <<'END OF ${path}'\n${text}\nEND OF ${path}\n`,
    );
  }

  /** Runs a script again and again until it succeeds. @throws XenTestError when it does not in time. */
  async until(script: string, options: RunOptions = {}): Promise<void> {
    await this.run(`until ${script}; do sleep 0.3; done`, options);
  }
}
