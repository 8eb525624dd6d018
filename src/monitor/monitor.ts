import { once } from 'node:events';
import { linkNameOf } from '../netlink/link-name.ts';
import type { LoggedPacket } from '../netlink/packet-log.ts';
import { type PortRecord, portsAt, type Registry, readRegistry } from '../port/registry.ts';
import { droppedFrameOf } from './dropped-frame.ts';
import { readGateways } from './gateways.ts';
import { Holders, ownIdentity } from './holders.ts';
import { listen } from './listener.ts';
import { type Sighting, sightingOf } from './sighting.ts';
import { Throttle } from './throttle.ts';

export interface MonitorOptions {
  /** See stateDirectory. */
  readonly directory: string;
  /** Whether to tell of a frame, by its port and what is known of it. */
  readonly isWanted: (port: string, record: PortRecord | undefined, way: Sighting['way']) => boolean;
  readonly onReady: () => void;
  readonly onSighting: (sighting: Sighting) => void;
  /** How many more there were like one that has been told of. */
  readonly onMore: (sighting: Sighting, count: number) => void;
  /** Some are lost, as there were too many. */
  readonly onLost: () => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** What is known of the host, to explain frames by. */
interface Knowledge {
  readonly registry: Registry;
  readonly holders: Holders;
  readonly until: number;
}

/** How long that is used, in milliseconds: guests come and go. */
const KNOWN_MS = 2_000;

/**
 * Tells of the frames that guards drop in the network namespace that we are in, until it is told to end.
 *
 * @throws VifguardError when another program hears of them, or the registry cannot be read.
 */
export async function monitor(options: MonitorOptions): Promise<void> {
  const { signal, onReady, onLost } = options;
  const teller = new Teller(options);
  const ended = once(signal, 'abort');
  const failed = new Promise<never>((_, reject) => {
    teller.onFailure = reject;
  });
  const listener = await listen({ onPackets: (packets) => teller.tell(packets), onLost });
  try {
    onReady();
    if (!signal.aborted) await Promise.race([ended, failed]);
  } finally {
    await listener.close();
    await teller.end();
  }
}

/** Tells of packets in the order in which they come. */
class Teller {
  onFailure: (error: unknown) => void = () => undefined;
  readonly #options: MonitorOptions;
  readonly #throttle = new Throttle();
  #knowledge: Knowledge | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  tell(packets: readonly LoggedPacket[]): void {
    this.#work = this.#work.then(() => this.#tellAll(packets)).catch((error) => this.onFailure(error));
  }

  async end(): Promise<void> {
    await this.#work;
    this.#throttle.flush();
  }

  async #tellAll(packets: readonly LoggedPacket[]): Promise<void> {
    const { isWanted, onSighting, onMore } = this.#options;
    for (const packet of packets) {
      const frame = droppedFrameOf(packet);
      if (frame === undefined) continue;
      const { registry, holders } = await this.#know();
      const [recorded] = portsAt(registry, frame.port);
      const port = recorded?.[0] ?? linkNameOf(frame.port) ?? `interface ${frame.port}`;
      if (!isWanted(port, registry.ports.get(port), frame.way)) continue;
      const sighting = sightingOf(frame, { port, registry, holders });
      const kind = `${port} ${frame.way} ${frame.reason}`;
      if (this.#throttle.admit(kind, (count) => onMore(sighting, count))) onSighting(sighting);
    }
  }

  async #know(): Promise<Knowledge> {
    if (this.#knowledge !== undefined && this.#knowledge.until > performance.now()) return this.#knowledge;
    const registry = readRegistry(this.#options.directory);
    const holders = new Holders(registry, ownIdentity(), await readGateways());
    this.#knowledge = { registry, holders, until: performance.now() + KNOWN_MS };
    return this.#knowledge;
  }
}
