import { indexKeys } from './index-keys.ts';
import type { PortFiles } from './port-files.ts';
import type { PortRecord } from './registry.ts';

/** A port whose record comes, changes, or goes (undefined). */
type Change = readonly [port: string, record: PortRecord | undefined];

/** The guarded ports by name, with their records: those of a state directory, and what is to change of them. */
export class Ports {
  readonly #files: PortFiles | undefined;
  readonly #changes: ReadonlyMap<string, PortRecord | undefined>;
  /** The changed ports by key, once that was asked for. */
  #index: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(files?: PortFiles, changes: Iterable<Change> = []) {
    this.#files = files;
    this.#changes = new Map(changes);
  }

  /** The state directory that all other ports are in; undefined when there are no others. */
  get directory(): string | undefined {
    return this.#files?.directory;
  }

  get isEmpty(): boolean {
    for (const record of this.#changes.values()) if (record !== undefined) return false;
    for (const port of this.#files?.each() ?? []) if (!this.#changes.has(port)) return false;
    return true;
  }

  has(port: string): boolean {
    return this.#changes.has(port)
      ? this.#changes.get(port) !== undefined
      : (this.#files?.has(port) ?? false);
  }

  /** @throws VifguardError when the port's file cannot be read. */
  get(port: string): PortRecord | undefined {
    return this.#changes.has(port) ? this.#changes.get(port) : this.#files?.read(port);
  }

  /** The names: those that come stand last. */
  keys(): readonly string[] {
    const others = this.#files?.names().filter((port) => !this.#changes.has(port)) ?? [];
    return [...others, ...this.#coming().map(([port]) => port)];
  }

  /** @throws VifguardError as `get`. */
  *[Symbol.iterator](): Iterator<readonly [string, PortRecord]> {
    yield* this.#withRecords(this.keys());
  }

  /**
   * Every port with a key (see indexKeys); stale index entries may add ports that had the key before.
   *
   * @throws VifguardError as `get`.
   */
  *under(key: string): Iterable<readonly [string, PortRecord]> {
    yield* this.#withRecords(this.#unchangedUnder(key));
    yield* this.#withRecords(this.#changedUnder(key));
  }

  /** Whether any port has a key, or had it before and is still there. Reads no record. */
  hasUnder(key: string): boolean {
    for (const _ of this.#unchangedUnder(key)) return true;
    return this.#changedUnder(key).length > 0;
  }

  /** The names of `under`; ports that are gone may be among them. Reads no record. */
  namesUnder(key: string): readonly string[] {
    const others = this.#files?.allUnder(key).filter((port) => !this.#changes.has(port)) ?? [];
    return [...others, ...this.#changedUnder(key)];
  }

  with(records: Iterable<readonly [string, PortRecord]>): Ports {
    return this.#changed(records);
  }

  without(port: string): Ports {
    return this.#changed([[port, undefined]]);
  }

  /** As they are now, whatever becomes of the state directory: to be read, not written. @throws VifguardError as `get`. */
  loaded(): Ports {
    return new Ports(undefined, this);
  }

  /** What is otherwise than in the state directory: what is there, and what should be. */
  *differences(): Iterable<{ port: string; before: PortRecord | undefined; after: PortRecord | undefined }> {
    for (const [port, after] of this.#changes) {
      const before = this.#files?.read(port);
      if (JSON.stringify(before) !== JSON.stringify(after)) yield { port, before, after };
    }
  }

  /** What a port was is asked for now: the directory may change before it is asked again. */
  #changed(changes: Iterable<Change>): Ports {
    const list = [...changes];
    for (const [port] of list) this.#files?.read(port);
    return new Ports(this.#files, [...this.#changes, ...list]);
  }

  #coming(): [string, PortRecord][] {
    return [...this.#changes].flatMap(([port, record]) => (record === undefined ? [] : [[port, record]]));
  }

  *#unchangedUnder(key: string): Iterable<string> {
    for (const port of this.#files?.under(key) ?? []) if (!this.#changes.has(port)) yield port;
  }

  #changedUnder(key: string): readonly string[] {
    this.#index ??= indexOf(this.#coming());
    return this.#index.get(key) ?? [];
  }

  *#withRecords(ports: Iterable<string>): Iterable<readonly [string, PortRecord]> {
    for (const port of ports) {
      const record = this.get(port);
      if (record !== undefined) yield [port, record];
    }
  }
}

function indexOf(records: Iterable<readonly [string, PortRecord]>): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const [port, record] of records) {
    for (const key of indexKeys(record)) {
      const ports = index.get(key);
      if (ports === undefined) index.set(key, [port]);
      else ports.push(port);
    }
  }
  return index;
}
