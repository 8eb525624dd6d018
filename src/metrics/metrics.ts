import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import packageJson from '../../package.json' with { type: 'json' };
import type { PortState } from '../host/inspection.ts';
import type { Reason } from '../rules/reason.ts';

/** What the kernel and the registry have to say when metrics are asked for. */
export interface HostNumbers {
  readonly ports: Readonly<Record<PortState, number>>;
  readonly drops: readonly PortDrops[];
}

export interface PortDrops {
  readonly port: string;
  readonly guest: string;
  readonly reason: Reason;
  readonly frames: number;
}

const PARTS = ['filter', 'port', 'bridge', 'policy'] as const;
/** What was put right: the packet filter, a port, a bridge, or a vif's policy. */
export type Part = (typeof PARTS)[number];

const OUTCOMES = ['success', 'failure'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const ACTIONS = ['attach', 'detach'] as const;
export type Action = (typeof ACTIONS)[number];

/** From the time on an idle host to the time limit of xl. */
const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 40];

/** Least time between two readings of the host, however often clients ask: hundreds of ports take a second. */
const FRESH_MS = 5_000;

/** What `vifguard watch` counts, in Prometheus' text format. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => Promise<HostNumbers>;
  #numbers: Promise<HostNumbers> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  readonly #dropped = new Counter({
    name: 'vifguard_dropped_frames_total',
    help: 'Frames that the guard of a port has dropped since its rules were written.',
    labelNames: ['port', 'guest', 'reason'],
    registers: [this.#registry],
  });
  readonly #ports = new Gauge({
    name: 'vifguard_ports',
    help: 'Guests\' ports by state, as "vifguard status" has it.',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #heals = new Counter({
    name: 'vifguard_heals_total',
    help: 'Times that something others had changed was put right, or could not be.',
    labelNames: ['part', 'outcome'],
    registers: [this.#registry],
  });
  readonly #events = new Histogram({
    name: 'vifguard_event_duration_seconds',
    help: "How long the watch took for xl's events.",
    labelNames: ['action', 'outcome'],
    buckets: BUCKETS,
    registers: [this.#registry],
  });

  constructor(read: () => Promise<HostNumbers>) {
    this.#read = read;
    new Gauge({
      name: 'vifguard_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'nodejs'],
      registers: [this.#registry],
    }).set({ version: packageJson.version, nodejs: process.version }, 1);
    // Zero from the start: Prometheus sees the first heal as an increase.
    for (const outcome of OUTCOMES) {
      for (const part of PARTS) this.#heals.inc({ part, outcome }, 0);
      for (const action of ACTIONS) this.#events.zero({ action, outcome });
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  healed(part: Part, outcome: Outcome): void {
    this.#heals.inc({ part, outcome });
  }

  handled(action: Action, outcome: Outcome, seconds: number): void {
    this.#events.observe({ action, outcome }, seconds);
  }

  /** All of them as text. @throws VifguardError when the kernel or the registry cannot be read. */
  async text(): Promise<string> {
    const { ports, drops } = await this.#current();
    for (const [state, count] of Object.entries(ports)) this.#ports.set({ state }, count);
    this.#dropped.reset();
    for (const { frames, ...labels } of drops) this.#dropped.inc(labels, frames);
    return await this.#registry.metrics();
  }

  #current(): Promise<HostNumbers> {
    const now = performance.now();
    if (this.#numbers === undefined || now - this.#readAt > FRESH_MS) {
      this.#numbers = this.#read();
      this.#readAt = now;
    }
    return this.#numbers;
  }
}
