import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, VifguardError } from '../errors.ts';
import { XenstoreClient } from '../xenstore/client.ts';
import { XenstoreError } from '../xenstore/error.ts';

export interface StoreEvents {
  /** Something below `backend/vif` has changed, or may have. */
  readonly onTouch: (path: string) => void;
  readonly onLost: (cause: VifguardError) => void;
  /** It is there again, and what changed meanwhile went unseen. */
  readonly onReturn: () => void;
}

/** How long to wait between two tries to find a xenstored that has gone, in milliseconds. */
const RECONNECT_MS = 5_000;

/** One connection to xenstored, made again when it is lost. */
export class ResidentStore {
  readonly #events: StoreEvents;
  readonly #ending = new AbortController();
  #client: XenstoreClient | undefined;

  constructor(events: StoreEvents) {
    this.#events = events;
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
  }

  /** @throws XenstoreError */
  async connect(): Promise<void> {
    this.#client = await connect(this.#events);
    void this.#keep(this.#client);
  }

  /** @throws XenstoreError while it is not connected, and what `work` throws */
  async use<T>(work: (store: XenstoreClient) => Promise<T>): Promise<T> {
    if (this.#client !== undefined) return await work(this.#client);
    const detail = 'the connection to xenstored is lost';
    throw new XenstoreError({ operation: 'connection', code: 'ENOTCONN', detail });
  }

  close(): void {
    this.#ending.abort();
    this.#client?.close();
  }

  async #keep(client: XenstoreClient): Promise<void> {
    const lost = await client.closed;
    this.#client = undefined;
    if (lost === undefined) return;
    this.#events.onLost(lost);
    const next = await this.#reconnect(this.#ending.signal);
    if (next === undefined) return;
    this.#client = next;
    this.#events.onReturn();
    await this.#keep(next);
  }

  async #reconnect(signal: AbortSignal): Promise<XenstoreClient | undefined> {
    while (!signal.aborted) {
      try {
        const client = await connect(this.#events);
        if (!signal.aborted) return client;
        client.close();
      } catch (error) {
        if (!(error instanceof VifguardError)) throw error;
      }
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }
}

async function connect({ onTouch }: StoreEvents): Promise<XenstoreClient> {
  const client = await XenstoreClient.open();
  try {
    await client.watch('backend/vif', onTouch);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

export function lostText(cause: VifguardError): string {
  return `${describeError(cause)}; trying again every ${RECONNECT_MS / 1000} s`;
}
