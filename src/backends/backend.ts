import type { GuardPolicy } from '../policy/guard-policy.ts';
import type { Reason } from '../rules/reason.ts';

/** A port with its policy. */
export interface GuardedPort {
  /** The index of its device; undefined when nobody knows it any more, and the device is gone. */
  readonly index: number | undefined;
  /** Whether the policy limits what the port's frames may do in dom0: known without decoding it. */
  readonly restricted: boolean;
  /** Called only when the port's own rules are written. */
  readonly policy: () => GuardPolicy;
}

/** Guarded ports by name, as in a Map. There may be thousands: look one up rather than iterate. */
export interface GuardedPorts extends Iterable<readonly [string, GuardedPort]> {
  has(port: string): boolean;
  get(port: string): GuardedPort | undefined;
  keys(): Iterable<string>;
}

/** Everything in one network namespace that the packet filter depends on. */
export interface GuardedHost {
  /** The bridges that guarded ports are on. */
  readonly bridges: ReadonlySet<string>;
  readonly ports: GuardedPorts;
  /** Whether no port is guarded. */
  readonly isEmpty: boolean;
  /** The names of the ports that are restricted, and perhaps of some that have gone. */
  readonly restricted: () => Iterable<string>;
  /** Ports that belong to no guest and are not trusted as an uplink either. */
  readonly untrustedPorts: readonly string[];
}

/** A port that is added, changed or removed: the host before, and the host after. */
export interface PortChange {
  readonly port: string;
  readonly before: GuardedHost;
  readonly after: GuardedHost;
  /** Where the backend may keep what it has to remember: the network namespace's state directory. */
  readonly directory: string;
}

/** One difference between what the kernel holds and what it should hold. */
export interface Drift {
  /** The table, set or chain: where in the kernel. */
  readonly where: string;
  readonly kind: 'missing' | 'unexpected';
  /** The rule or element, in the words of the tool that lists it. */
  readonly what: string;
  /** The ports that these rules are of; absent for what all ports share. */
  readonly ports?: readonly string[];
}

/** Frames dropped since a port's rules were written, by reason; reasons with none are left out. */
export type Drops = Readonly<Partial<Record<Reason, number>>>;

/**
 * What installs the packet filter, in the network namespace that we are in. The caller holds the
 * lock. Everything throws VifguardError when the kernel or its tools refuse.
 */
export interface Backend {
  /** Whether bridges with guarded ports have to call ip6tables (br_netfilter). */
  readonly bridgeNetfilter: boolean;
  /**
   * Updates the filter for one port that is added, changed or removed, and that port's part atomically. Where the
   * kernel does not hold what we left there, everything is written anew.
   */
  applyPort(change: PortChange): Promise<void>;
  /**
   * Writes everything for a host anew, whatever the kernel holds. Ports that are not the host's, which the caller
   * has closed, lose their rules.
   *
   * @param directory see PortChange.
   */
  applyHost(host: GuardedHost, directory: string): Promise<void>;
  /** The ports that the kernel holds rules for, by the names that they have now. */
  ports(): Promise<readonly string[]>;
  /** Takes everything of ours out of the kernel. */
  removeAll(directory: string): Promise<void>;
  /**
   * What differs from what the kernel should hold; changes nothing.
   *
   * @param host undefined when nothing of ours should be there.
   */
  drift(host: GuardedHost | undefined): Promise<readonly Drift[]>;
  /** The rules of one port as the kernel lists them, in the words of the tool; empty when there are none. */
  list(port: string, host: GuardedHost): Promise<string>;
  /** What has been dropped, by port. */
  drops(host: GuardedHost): Promise<ReadonlyMap<string, Drops>>;
}
