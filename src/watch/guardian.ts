import { setTimeout as sleep } from 'node:timers/promises';
import { loadBackend } from '../backends/load.ts';
import { isOurs } from '../backends/tool.ts';
import { type HostConfig, loadHostConfig } from '../config/host-config.ts';
import { describeError, VifguardError } from '../errors.ts';
import { LOCK_OPTIONS, readGuardState } from '../host/host-state.ts';
import { isOutdated, reloadPolicies } from '../host/reload.ts';
import { callIp6tables, filterVlans, type Healing, repair } from '../host/repair.ts';
import { restorationOf } from '../host/restoration.ts';
import type { Outcome, Part } from '../metrics/metrics.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import { bridgeKey, macKey } from '../port/index-keys.ts';
import { withLock } from '../port/lock.ts';
import { portsAt, portsOfVif, type Registry, readRegistry, twinOf } from '../port/registry.ts';
import type { XenstoreClient } from '../xenstore/client.ts';
import { PUBLISHED } from '../xenstore/vif-report.ts';
import type { Changer, Touched } from './notifications.ts';
import { Patience } from './patience.ts';
import { Rounds } from './rounds.ts';

/** What the guardian works with. */
export interface Reach {
  withStore<T>(work: (store: XenstoreClient) => Promise<T>): Promise<T>;
  withRtnetlink<T>(work: (rtnetlink: Rtnetlink) => Promise<T>): Promise<T>;
  /** See stateDirectory. */
  readonly directory: string;
  /** Whether events are under way in this process. */
  readonly isBusy: () => boolean;
  /** Prints a line. */
  readonly log: (line: string) => void;
  /** Something was put right, or could not be. */
  readonly onHealed: (part: Part, outcome: Outcome) => void;
}

const NOTHING_DONE: Healing = { done: [], refused: [] };

/** How long events come first, in milliseconds: half of one would only look like a foreign change. */
const PRECEDENCE_MS = 500;

/** Changes come in bursts: how long to wait for the rest of one, in milliseconds. */
const BURST_MS = 20;

/** How long to wait before looking at all links, once notifications of some were lost, in milliseconds. */
const LOST_MS = 5_000;

/**
 * A guest can have its port looked at as often as it likes, with a MAC that moves. So after looking at ports in
 * vain comes a rest of so many times that long.
 */
const REST = 4;

/** The subjects of patience that are no ports. */
const FILTER = 'packet filter';
const BRIDGE = 'bridge ';
const VIF = 'xenstore ';

/**
 * Puts right what others change of the guards: told what may have changed, it looks there, without the
 * lock, and restores under it. What events and its own work change is found to be right.
 */
export class Guardian {
  readonly #reach: Reach;
  readonly #patience = new Patience();
  /** Where to look, with who did it if that is known. */
  readonly #suspects = new Map<string, string>();
  /** The index that each bridge had when it was last seen. */
  readonly #bridges = new Map<string, number>();
  /** One that is touched again before it is looked at stands here once. */
  #touched = new Map<string, Touched>();
  #everything = false;
  #allLinks = false;
  #lost: NodeJS.Timeout | undefined;
  #config: HostConfig;
  readonly #rounds = new Rounds(() => this.#look());
  /** How long ports were looked at in vain in this round, in milliseconds. */
  #inVainMs = 0;
  #stopped = false;
  #isFilterWell = true;

  constructor(config: HostConfig, reach: Reach) {
    this.#config = config;
    this.#reach = reach;
  }

  /** Looks at everything. */
  lookAtAll(): void {
    this.#everything = true;
    this.#rounds.within(BURST_MS);
  }

  /** Whether the packet filter is as it should be, as far as anybody can tell who does not look. */
  get isFilterWell(): boolean {
    return this.#isFilterWell;
  }

  rulesChanged({ pid, program }: Changer): void {
    if (isOurs(pid)) return;
    this.#isFilterWell = false;
    this.#suspect(FILTER, `${program}, process ${pid}`);
  }

  linksTouched(touched: readonly Touched[]): void {
    for (const link of touched) this.#touched.set(`${link.index} ${link.address ?? link.name ?? ''}`, link);
    if (touched.length > 0) this.#rounds.within(BURST_MS);
  }

  /** Some links were touched, and nobody knows which: more may go the same way, so that it does not hurry. */
  linksLost(): void {
    this.#lost ??= setTimeout(() => {
      this.#lost = undefined;
      this.#allLinks = true;
      this.#rounds.within(BURST_MS);
    }, LOST_MS);
  }

  /** @param path below `backend/vif`, as a watch reports it. */
  vifTouched(path: string): void {
    const [, backendPath, key] = /^(backend\/vif\/\d+\/\d+)\/([^/]+)/.exec(path) ?? [];
    if (key === 'ip' || key === 'mac' || key === PUBLISHED) this.#suspect(`${VIF}${backendPath}`);
  }

  /** Ends once what it is at is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#lost);
    await this.#rounds.stop();
  }

  async #suspectTouched(): Promise<void> {
    const { directory, withRtnetlink, log } = this.#reach;
    const [touched, everything] = [this.#touched, this.#everything];
    const allLinks = everything || this.#allLinks;
    [this.#touched, this.#everything, this.#allLinks] = [new Map(), false, false];
    if (touched.size === 0 && !allLinks) return;
    try {
      const registry = readRegistry(directory);
      for (const link of touched.values()) this.#suspectLink(registry, link);
      if (!allLinks) return;
      for (const link of await withRtnetlink((rtnetlink) => rtnetlink.links()))
        this.#suspectLink(registry, link);
      if (!everything) return;
      this.#suspect(FILTER);
      for (const [, { backendPath }] of registry.ports) this.#suspect(`${VIF}${backendPath}`);
    } catch (error) {
      if (!(error instanceof VifguardError)) throw error;
      log(`cannot look: ${describeError(error)}`);
    }
  }

  #suspectLink(registry: Registry, { index, name, address }: Touched): void {
    const { ports, bridges } = registry;
    if (name !== undefined && Object.hasOwn(bridges, name)) this.#suspectBridge(registry, name, index);
    for (const [port, record] of portsAt(registry, index)) {
      this.#suspect(port);
      // A vif that comes up tells of its tap that it was unplugged. Forwarding entries, which name no link, do not.
      const twin = name === undefined ? undefined : twinOf(registry, record);
      if (twin !== undefined) this.#suspect(twin[0]);
    }
    if (address === undefined) return;
    for (const [port, { policy }] of ports.under(macKey(address))) {
      if (policy.mac === address || policy.extraMacs.includes(address)) this.#suspect(port);
    }
  }

  /** One that was made again has lost its ports. */
  #suspectBridge({ ports }: Registry, name: string, index: number): void {
    this.#suspect(`${BRIDGE}${name}`);
    if (this.#bridges.get(name) === index) return;
    this.#bridges.set(name, index);
    for (const [port] of ports.under(bridgeKey(name))) this.#suspect(port);
  }

  #suspect(subject: string, by = ''): void {
    this.#suspects.set(subject, by);
    this.#rounds.within(BURST_MS);
  }

  /** Gives how long to rest after it. */
  async #look(): Promise<number> {
    const until = performance.now() + PRECEDENCE_MS;
    while (this.#reach.isBusy() && performance.now() < until) await sleep(BURST_MS);
    this.#inVainMs = 0;
    await this.#suspectTouched();
    const suspects = [...this.#suspects];
    this.#suspects.clear();
    for (const [subject, by] of suspects) {
      if (this.#stopped) break;
      const wait = this.#patience.wait(subject, performance.now());
      if (wait === 0) await this.#restore(subject, by);
      else this.#postpone(subject, by, wait);
    }
    return REST * this.#inVainMs;
  }

  #postpone(subject: string, by: string, waitMs: number): void {
    if (this.#suspects.has(subject)) return;
    this.#suspects.set(subject, by);
    this.#rounds.within(waitMs);
  }

  /** What cannot be done now is tried again, with ever longer pauses. */
  async #restore(subject: string, by: string): Promise<void> {
    const { log, onHealed } = this.#reach;
    try {
      const { done, refused } = await this.#restoreSubject(subject);
      // What changed while it looked is still to be looked at.
      if (subject === FILTER && !this.#suspects.has(FILTER)) this.#isFilterWell = true;
      if (done.length + refused.length === 0) return;
      for (const line of [...done, ...refused]) log(by === '' ? line : `${line} (after ${by})`);
      if (done.length > 0) onHealed(partOf(subject), 'success');
      if (refused.length > 0) onHealed(partOf(subject), 'failure');
      // A policy that is refused waits for another one.
      if (refused.length > 0 && !subject.startsWith(VIF)) this.#suspect(subject, by);
    } catch (error) {
      if (!(error instanceof VifguardError)) throw error;
      log(`${subject}: cannot be put right: ${describeError(error)}`);
      if (subject === FILTER) this.#isFilterWell = false;
      onHealed(partOf(subject), 'failure');
      this.#suspect(subject, by);
    }
    this.#patience.restored(subject, performance.now());
    const wait = this.#patience.wait(subject, performance.now());
    if (wait > 0) log(`${subject}: undone again and again; left alone for ${Math.ceil(wait / 1000)} s`);
  }

  #restoreSubject(subject: string): Promise<Healing> {
    if (subject === FILTER) return this.#restoreFilter();
    if (subject.startsWith(BRIDGE)) return this.#restoreBridge(subject.slice(BRIDGE.length));
    if (subject.startsWith(VIF)) return this.#reloadVif(subject.slice(VIF.length));
    return this.#restorePort(subject);
  }

  #restoreFilter(): Promise<Healing> {
    return this.#locked((rtnetlink) => this.#repair(rtnetlink));
  }

  async #repair(rtnetlink: Rtnetlink): Promise<Healing> {
    const state = await readGuardState(this.#currentConfig());
    return await repair({ rtnetlink, directory: this.#reach.directory, state });
  }

  #restoreBridge(name: string): Promise<Healing> {
    return this.#locked(async (rtnetlink) => {
      const registry = readRegistry(this.#reach.directory);
      const { bridgeNetfilter } = await loadBackend(registry.backend);
      const link = await rtnetlink.link(name);
      const links = link === undefined ? [] : [link];
      const state = { registry, links, bridgeNetfilter };
      const called = await callIp6tables({ rtnetlink, state });
      return { done: [...called, ...(await filterVlans({ rtnetlink, state }))], refused: [] };
    });
  }

  async #restorePort(port: string): Promise<Healing> {
    const { directory, withRtnetlink } = this.#reach;
    const find = (rtnetlink: Rtnetlink) =>
      restorationOf({ rtnetlink, registry: readRegistry(directory), config: this.#config, directory }, port);
    const start = performance.now();
    if ((await withRtnetlink(find)) === undefined) {
      this.#inVainMs += performance.now() - start;
      return NOTHING_DONE;
    }
    return await this.#locked(async (rtnetlink) => {
      const restoration = await find(rtnetlink);
      if (restoration === undefined) return NOTHING_DONE;
      const { done, refused } = restoration.opens ? await this.#repair(rtnetlink) : NOTHING_DONE;
      // A name is among what that repairs.
      const left = restoration.opens ? await find(rtnetlink) : restoration;
      await left?.apply();
      return { done: left === undefined ? done : [...done, left.text], refused };
    });
  }

  async #reloadVif(backendPath: string): Promise<Healing> {
    const { directory, withStore } = this.#reach;
    return await withStore(async (store) => {
      const ours = () => portsOfVif(readRegistry(directory), backendPath);
      const config = this.#currentConfig();
      const outdated = await Promise.all(ours().map(([, record]) => isOutdated({ store, config }, record)));
      // A vif whose nodes are gone is on its way out.
      if (!outdated.includes(true) || (await store.read(backendPath)) === undefined) return NOTHING_DONE;
      return await this.#locked((rtnetlink) => {
        const ports = ours().map(([port]) => port);
        return reloadPolicies({ store, rtnetlink, config, directory }, ports);
      });
    });
  }

  #locked<T>(work: (rtnetlink: Rtnetlink) => Promise<T>): Promise<T> {
    const { directory, withRtnetlink } = this.#reach;
    return withLock(`${directory}/lock`, LOCK_OPTIONS, () => withRtnetlink(work));
  }

  /** As it is, or as it last was when it could be used. */
  #currentConfig(): HostConfig {
    try {
      this.#config = loadHostConfig();
    } catch (error) {
      if (!(error instanceof VifguardError)) throw error;
      this.#reach.log(`the host config as it was goes on: ${describeError(error)}`);
    }
    return this.#config;
  }
}

function partOf(subject: string): Part {
  if (subject === FILTER) return 'filter';
  if (subject.startsWith(BRIDGE)) return 'bridge';
  return subject.startsWith(VIF) ? 'policy' : 'port';
}
