import type { Bytes } from '../frames/bytes.ts';
import { Capture } from './capture.ts';
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
  stop(): Promise<number[]>;
}

/** One interface of a namespace: what sends frames there and what receives them, started when needed. */
export class Nic {
  #injector: Promise<Injector> | undefined;
  #capture: Promise<Capture> | undefined;

  /** `sources`: where frames.c captures; the interface itself, promiscuously, unless told. */
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
    const input = `${Buffer.from(frame).toString('hex')}\n`;
    const output = await this.namespace.run(await framesProgram(), ['flood', this.name, amount], {
      input,
      timeout: 120_000,
    });
    const [frames = 0, seconds = 0] = output.split(' ').map(Number);
    return { frames, seconds };
  }

  /** Counts arriving frames that hold any of the markers; for more of them than a capture should keep. */
  async count(...markers: readonly Bytes[]): Promise<Counter> {
    const hex = markers.map((marker) => Buffer.from(marker).toString('hex'));
    const child = this.namespace.spawn(await framesProgram(), ['count', ...this.sources, '--', ...hex]);
    await saidReady(child, `the counter on ${this.name} of ${this.namespace.name}`);
    const output = collect(child.stdout);
    const stop = async () => {
      child.stdin?.end();
      return (await output).trim().split('\n').map(Number);
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
