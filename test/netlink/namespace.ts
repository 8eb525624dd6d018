import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { NftablesTable } from '../../src/netlink/nftables-table.ts';
import type { Rtnetlink } from '../../src/netlink/rtnetlink.ts';
import type { ElementChange } from '../../src/netlink/set-elements.ts';

/** What can be called inside the namespace. */
export interface Methods extends Rtnetlink {
  moveToNetns(index: number, netns: string): Promise<void>;
  changeElements(table: NftablesTable, changes: readonly ElementChange[]): Promise<void>;
  isTableThere(table: NftablesTable): Promise<boolean>;
}

export interface Call {
  readonly id: number;
  readonly method: keyof Methods;
  readonly args: readonly unknown[];
}

export type Outcome = { result: unknown } | { error: { name: string; message: string } };

const CHILD = fileURLToPath(new URL('namespace-child.ts', import.meta.url));

/** A network namespace of its own that ends with its process, and an Rtnetlink inside it. */
export class Namespace {
  readonly #child: ChildProcess;
  #calls = 0;
  /** The Rtnetlink inside; errors keep name, message and fields. */
  readonly rtnetlink: Methods;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.setMaxListeners(0);
    this.rtnetlink = new Proxy({} as Methods, {
      get:
        (_, method) =>
        (...args: unknown[]) =>
          this.#call(method as keyof Methods, args),
    });
  }

  static async open(): Promise<Namespace> {
    const child = fork(CHILD, [], {
      execPath: 'unshare',
      execArgv: ['--net', process.execPath, '--import=tsx'],
      serialization: 'advanced',
    });
    await once(child, 'message');
    return new Namespace(child);
  }

  #call(method: keyof Methods, args: readonly unknown[]): Promise<unknown> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      const listener = (message: { id: number; outcome: Outcome }) => {
        if (message.id !== id) return;
        this.#child.off('message', listener);
        if ('result' in message.outcome) resolve(message.outcome.result);
        else reject(Object.assign(new Error(), message.outcome.error));
      };
      this.#child.on('message', listener);
      this.#child.send({ id, method, args });
    });
  }

  /** Runs a command inside, with `input` on its stdin, and returns what it printed. */
  async run(command: string, input = ''): Promise<string> {
    const enter = [`--net=/proc/${this.#child.pid}/ns/net`, ...command.split(' ')];
    const { stdout } = await execa('nsenter', enter, { input });
    return stdout;
  }

  /** The same for a command that prints JSON, such as `ip -j link`. */
  async json<T>(command: string): Promise<T> {
    return JSON.parse(await this.run(command)) as T;
  }

  async close(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
