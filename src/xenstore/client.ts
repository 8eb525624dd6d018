import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type ConnectionOptions } from './connection.ts';
import { XenstoreError } from './error.ts';
import { decodeStrings, type Operation } from './wire.ts';

/** Who may do what with a node (docs/misc/xenstore.txt): none, read, write, both. */
export interface Permission {
  readonly domid: number;
  readonly access: 'n' | 'r' | 'w' | 'b';
}

/** Milliseconds an answer may take; a healthy xenstored needs a fraction of one. */
const TIMEOUT_MS = 5_000;

/** Bounds what a node's list of children may grow to: 4 MiB. */
const MAX_DIRECTORY_PARTS = 1_024;

/** Longest pause in milliseconds between two tries of a transaction. */
const MAX_PAUSE_MS = 64;

/**
 * The tree as one transaction sees it, or as it is. Paths are absolute, or relative to the caller's
 * own /local/domain/ID (dom0's on a socket). Values are text. Everything throws XenstoreError; any
 * number of operations may be in flight and cost one round trip together.
 */
export class StoreView {
  protected readonly connection: Connection;
  readonly #transactionId: number;

  constructor(connection: Connection, transactionId: number) {
    this.connection = connection;
    this.#transactionId = transactionId;
  }

  /** The value at `path`, undefined when there is no such node. */
  async read(path: string): Promise<string | undefined> {
    const value = await this.#ifPresent(this.send('READ', [path]));
    return value?.toString();
  }

  /** The values at `paths`, in that order, in one round trip. */
  readAll(paths: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(paths.map((path) => this.read(path)));
  }

  /** Sets the value at `path`; parents come into being. */
  async write(path: string, value: string): Promise<void> {
    await this.send('WRITE', [path], value);
  }

  /** The names of the nodes below `path`; none when it does not exist. */
  async directory(path: string): Promise<string[]> {
    try {
      const payload = await this.#ifPresent(this.send('DIRECTORY', [path]));
      return payload === undefined ? [] : decodeStrings(payload);
    } catch (error) {
      if (!isCode(error, 'E2BIG')) throw error;
      return await this.#directoryInParts(path);
    }
  }

  /** Creates `path` with its parents, unless it exists. */
  async mkdir(path: string): Promise<void> {
    await this.send('MKDIR', [path]);
  }

  /** Deletes `path` and all below it; that it does not exist is fine. */
  async rm(path: string): Promise<void> {
    await this.#ifPresent(this.send('RM', [path]));
  }

  /** The permissions of a node: first its owner with what everybody else may do, then exceptions. */
  async getPerms(path: string): Promise<Permission[]> {
    const payload = await this.send('GET_PERMS', [path]);
    return decodeStrings(payload).map((text) => parsePermission(path, text));
  }

  /** Sets the permissions of a node; the first one's domain becomes its owner. */
  async setPerms(path: string, permissions: readonly Permission[]): Promise<void> {
    await this.send('SET_PERMS', [path, ...permissions.map(({ access, domid }) => `${access}${domid}`)]);
  }

  protected send(operation: Operation, strings: readonly string[], value = ''): Promise<Buffer> {
    return this.connection.request({ operation, transactionId: this.#transactionId, strings, value });
  }

  async #ifPresent(reply: Promise<Buffer>): Promise<Buffer | undefined> {
    try {
      return await reply;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** A part is the node's generation, some children, and after the last of them an empty name. */
  async #directoryInParts(path: string): Promise<string[]> {
    let generation: string | undefined;
    let children: string[] = [];
    for (let part = 0; part < MAX_DIRECTORY_PARTS; part++) {
      const offset = children.reduce((bytes, name) => bytes + Buffer.byteLength(name) + 1, 0);
      const payload = await this.send('DIRECTORY_PART', [path, String(offset)]);
      const [current, ...names] = decodeStrings(payload);
      if (generation !== undefined && generation !== current) {
        generation = undefined;
        children = [];
        continue;
      }
      generation = current;
      if (names.at(-1) === '') return [...children, ...names.slice(0, -1)];
      children.push(...names);
    }
    const detail = 'the list of children does not end';
    throw new XenstoreError({ operation: 'DIRECTORY_PART', path, code: 'EPROTO', detail });
  }
}

/** A connection to xenstored: over its unix socket, or in a driver domain over /dev/xen/xenbus. */
export class XenstoreClient extends StoreView {
  #lastToken = 0;

  /**
   * Connects to xenstored; `close` the client when done.
   *
   * @throws XenstoreError (operation `connect`) when it cannot be reached.
   */
  static async open(options: Partial<ConnectionOptions> = {}): Promise<XenstoreClient> {
    return new XenstoreClient(await Connection.open({ timeoutMs: TIMEOUT_MS, ...options }), 0);
  }

  /** Fulfilled when the connection is gone: with the reason, or undefined after `close`. */
  get closed(): Promise<XenstoreError | undefined> {
    return this.connection.closed;
  }

  close(): void {
    this.connection.close();
  }

  /**
   * Runs `work` on a snapshot and commits what it wrote, all or nothing; what it throws aborts. When
   * somebody else changed the same nodes meanwhile, `work` runs again.
   *
   * @throws XenstoreError EAGAIN when it still collides after the time one answer may take.
   */
  async transaction<T>(work: (view: StoreView) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.connection.timeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryTransaction(work);
      } catch (error) {
        if (!isCode(error, 'EAGAIN') || performance.now() > deadline) throw error;
      }
      await sleep(Math.random() * Math.min(2 ** attempt, MAX_PAUSE_MS));
    }
  }

  async #tryTransaction<T>(work: (view: StoreView) => Promise<T>): Promise<T> {
    const [id = ''] = decodeStrings(await this.send('TRANSACTION_START', ['']));
    const transactionId = parseTransactionId(id);
    const end = (verdict: 'T' | 'F') =>
      this.connection.request({ operation: 'TRANSACTION_END', transactionId, strings: [verdict] });
    let result: T;
    try {
      result = await work(new StoreView(this.connection, transactionId));
    } catch (error) {
      await end('F').catch(() => {});
      throw error;
    }
    await end('T');
    return result;
  }

  /**
   * Calls `onEvent` with the path that changed, for `path` and everything below it; once right away,
   * and sometimes without cause. `@introduceDomain` and `@releaseDomain` watch for domains. Watches
   * end with the connection: see `closed`.
   */
  async watch(path: string, onEvent: (path: string) => void): Promise<void> {
    const token = `vifguard-${++this.#lastToken}`;
    this.connection.listen(token, onEvent);
    try {
      await this.connection.watchRequest({ operation: 'WATCH', strings: [path, token] });
    } catch (error) {
      this.connection.unlisten(token);
      throw error;
    }
  }
}

function parsePermission(path: string, text: string): Permission {
  const [, access, domid] = /^([nrwb])(\d{1,5})$/.exec(text) ?? [];
  if (access !== 'n' && access !== 'r' && access !== 'w' && access !== 'b') {
    throw new XenstoreError({ operation: 'GET_PERMS', path, code: 'EPROTO', detail: 'not a permission' });
  }
  return { access, domid: Number(domid) };
}

/** 0 would mean no transaction at all: every step would take effect at once. */
function parseTransactionId(text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (id === 0 || id > 0xffff_ffff) {
    throw new XenstoreError({
      operation: 'TRANSACTION_START',
      code: 'EPROTO',
      detail: 'not a transaction id',
    });
  }
  return id;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof XenstoreError && error.code === code;
}
