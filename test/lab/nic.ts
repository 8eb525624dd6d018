import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Bytes, toHex } from '../frames/bytes.ts';
import { Capture } from './capture.ts';
import { LabError } from './error.ts';
import { Injector } from './injector.ts';
import { collect, type Namespace, saidReady } from './netns.ts';
import { framesProgram } from './program.ts';

/** How many frames a flood sends, or for how many seconds it goes on. */
export type FloodLimit = { readonly frames: number } | { readonly seconds: number };

/** A flood's result: how many frames the kernel took, in how many seconds. */
export interface FloodResult {
  readonly frames: number;
  readonly seconds: number;
}

/** Counts frames that hold a marker, at a place, until `stop` gives the number seen per marker. */
export interface Counter {
  /** @throws LabError when it has not counted to the end. */
  stop(): Promise<number[]>;
}

/** Frames that are sent in turn, as fast as the kernel takes them, until `stop`. */
export interface Pour {
  /** How many of each the kernel has taken so far. */
  taken(): Promise<readonly number[]>;
  /** Ends it, and gives the same. */
  stop(): Promise<readonly number[]>;
}

/** One interface of a namespace: what sends frames there and what receives them, started when needed. */
export class Nic {
  #injector: Promise<Injector> | undefined;
  #capture: Promise<Capture> | undefined;

  /** `sources`: where frames.c captures; the interface itself, promiscuously, by default. */
  constructor(
    readonly namespace: Namespace,
    readonly name: string,
    readonly sources: readonly string[] = [name],
  ) {}

  injector(): Promise<Injector> {
    this.#injector ??= Injector.start(this.namespace, this.name);
    return this.#injector;
  }

  capture(): Promise<Capture> {
    this.#capture ??= Capture.start(this.namespace, this.sources);
    return this.#capture;
  }

  async send(...frames: readonly Bytes[]): Promise<void> {
    const injector = await this.injector();
    await Promise.all(frames.map((frame) => injector.send(frame)));
  }

  /** Sends one frame over and over; goes on while the interface is down or away. */
  async flood(frame: Bytes, limit: FloodLimit): Promise<FloodResult> {
    const amount = 'frames' in limit ? `${limit.frames}` : `${limit.seconds}s`;
    const input = `${toHex(frame)}\n`;
    const output = await this.namespace.run(await framesProgram(), ['flood', this.name, amount], {
      input,
      timeout: 120_000,
    });
    const [frames = 0, seconds = 0] = output.split(' ').map(Number);
    return { frames, seconds };
  }

  /**
   * Sends the frames in turn; goes on while the interface is down or away, and takes no CPU that dom0 wants.
   *
   * @param other a second interface, which every other frame goes to.
   */
  async pour(frames: readonly Bytes[], ...other: readonly Nic[]): Promise<Pour> {
    const names = [this, ...other].map(({ name }) => name);
    const child = this.namespace.spawn('nice', ['-n', '10', await framesProgram(), 'pour', ...names]);
    const ready = saidReady(child, `the sender on ${this.name} of ${this.namespace.name}`);
    child.stdin?.write(`${frames.map(toHex).join('\n')}\n\n`);
    await ready;
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const numbers = async () => {
      const [line] = await once(lines, 'line');
      return String(line).split(' ').map(Number);
    };
    const taken = () => {
      child.stdin?.write('\n');
      return numbers();
    };
    const stop = () => {
      child.stdin?.end();
      return numbers();
    };
    return { taken, stop };
  }

  /** Counts arriving frames that hold any of the markers; for more of them than a capture should keep. */
  async count(...markers: readonly Bytes[]): Promise<Counter> {
    const hex = markers.map(toHex);
    const child = this.namespace.spawn(await framesProgram(), ['count', ...this.sources, '--', ...hex]);
    await saidReady(child, `the counter on ${this.name} of ${this.namespace.name}`);
    const output = collect(child.stdout);
    const stop = async () => {
      child.stdin?.end();
      const counts = (await output).trim().split('\n').map(Number);
      if (counts.length === markers.length) return counts;
      throw new LabError(`the counter on ${this.name} of ${this.namespace.name} has ended early`);
    };
    return { stop };
  }

  /** Forgets injector and capture, because the interface has gone: they hang on to the old one. */
  async reset(): Promise<void> {
    const [injector, capture] = await Promise.all([this.#injector, this.#capture]);
    this.#injector = undefined;
    this.#capture = undefined;
    injector?.close();
    capture?.close();
  }
}
