import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Bytes, toHex } from '../frames/bytes.ts';
import { LabError } from './error.ts';
import { type Namespace, saidReady } from './netns.ts';
import { framesProgram } from './program.ts';

/** Sends raw frames out of one interface. */
export class Injector {
  readonly #child: ChildProcess;
  readonly #waiting: ((answer: string) => void)[] = [];

  private constructor(
    readonly name: string,
    child: ChildProcess,
  ) {
    this.#child = child;
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    lines.on('line', (line) => this.#waiting.shift()?.(line));
    lines.on('close', () => {
      for (const answer of this.#waiting.splice(0)) answer('the injector has ended');
    });
  }

  static async start(namespace: Namespace, iface: string): Promise<Injector> {
    const child = namespace.spawn(await framesProgram(), ['inject', iface]);
    const name = `${iface} of ${namespace.name}`;
    await saidReady(child, `the injector on ${name}`);
    return new Injector(name, child);
  }

  /**
   * Sends one frame; resolves when the kernel has taken it.
   *
   * @throws LabError when it has not, for instance because the interface is down.
   */
  async send(frame: Bytes): Promise<void> {
    const answer = await this.#ask(toHex(frame));
    if (answer !== 'sent') throw new LabError(`${this.name} did not send a frame: ${answer}`);
  }

  /** Sends many frames in one go, and gives the kernel's answer to each: `sent`, or an errno's name. */
  async sendAll(frames: readonly Bytes[]): Promise<readonly string[]> {
    this.#expectAlive();
    const answers = frames.map(() => new Promise<string>((resolve) => this.#waiting.push(resolve)));
    this.#child.stdin?.write(frames.map((frame) => `${toHex(frame)}\n`).join(''));
    return Promise.all(answers);
  }

  /** Whether the link is up and its queue open. @throws LabError when there is nobody to ask. */
  async isUp(): Promise<boolean> {
    const answer = await this.#ask('link');
    if (answer !== 'up' && answer !== 'down') throw new LabError(`${this.name}: ${answer}`);
    return answer === 'up';
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #expectAlive(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new LabError(`the injector on ${this.name} has ended`);
  }

  #ask(line: string): Promise<string> {
    this.#expectAlive();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin?.write(`${line}\n`);
    });
  }
}
