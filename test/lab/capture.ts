import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Bytes, fromHex } from '../frames/bytes.ts';
import { LabError } from './error.ts';
import { type Namespace, saidReady } from './netns.ts';
import { framesProgram } from './program.ts';

/** Every frame that arrived at one place since the capture began. */
export class Capture {
  #frames: Bytes[] = [];
  readonly #flushes: (() => void)[] = [];
  readonly #child: ChildProcess;
  #wake: () => void = () => undefined;
  #arrived = this.#nextArrival();

  private constructor(
    readonly name: string,
    child: ChildProcess,
  ) {
    this.#child = child;
    let round: Bytes[] = [];
    // An empty line ends a round in which all sources were read: only then is the order of arrival whole.
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      if (line === 'flushed') return this.#flushes.shift()?.();
      if (line !== '') return round.push(fromHex(line));
      this.#frames.push(...round);
      round = [];
      const wake = this.#wake;
      this.#arrived = this.#nextArrival();
      return wake();
    });
  }

  /** `sources` in the words of frames.c. */
  static async start(namespace: Namespace, sources: readonly string[]): Promise<Capture> {
    const child = namespace.spawn(await framesProgram(), ['capture', ...sources]);
    const name = `${sources[0]} of ${namespace.name}`;
    await saidReady(child, `the capture on ${name}`);
    return new Capture(name, child);
  }

  /** How many frames have arrived; the place from which `since` tells what came later. */
  get cursor(): number {
    return this.#frames.length;
  }

  since(cursor: number): readonly Bytes[] {
    return this.#frames.slice(cursor);
  }

  /** What has arrived since the last time, once all of it is here; it is no longer kept. */
  async take(): Promise<readonly Bytes[]> {
    await new Promise<void>((resolve) => {
      this.#flushes.push(resolve);
      this.#child.stdin?.write('flush\n');
    });
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  /**
   * Waits for a frame, from `cursor` on.
   *
   * @throws LabError when none comes within `timeout` milliseconds.
   */
  async waitFor(matches: (frame: Bytes) => boolean, cursor: number, timeout = 5000): Promise<Bytes> {
    const end = Date.now() + timeout;
    for (let next = cursor; ; ) {
      const frames = this.since(next);
      const found = frames.find(matches);
      if (found !== undefined) return found;
      next += frames.length;
      if (!(await this.#arrivalBefore(end))) {
        throw new LabError(`the awaited frame did not arrive at ${this.name} within ${timeout} ms`);
      }
    }
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #nextArrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #arrivalBefore(end: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), end - Date.now());
    });
    const arrived = this.#arrived.then(() => true);
    return Promise.race([arrived, late]).finally(() => clearTimeout(timer));
  }
}
