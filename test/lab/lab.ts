import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BackendName } from '../../src/backends/names.ts';
import { LabError } from './error.ts';
import { Guest, type GuestOptions } from './guest.ts';
import { Namespace, type RunOptions, type RunResult, SYSTEM_PATH } from './netns.ts';
import { type Residue, readResidue } from './residue.ts';
import { type Dom0, type Gateway, QUIET, Segment } from './segment.ts';
import { type Owner, takeTurn } from './turn.ts';
import { startXenstored, XEN_ROOT } from './xenstored.ts';

const SCRIPT = fileURLToPath(new URL('../../hotplug/vif-guard', import.meta.url));

export interface LabOptions {
  /** Names of dom0's bridges, each with an uplink and a gateway of its own; `xenbr0` by default. */
  readonly bridges?: readonly string[];
  /** The hotplug script; the checkout's own by default. */
  readonly script?: string;
  /** The host config's `backend`; what the environment's VIFGUARD_TEST_BACKEND says by default, else xtables. */
  readonly backend?: BackendName;
  /** The text of the host config besides; none by default. */
  readonly hostConfig?: string;
  /** Further environment of the script, and of what `exec` runs. */
  readonly environment?: Readonly<Record<string, string>>;
}

// dom0 without a packet filter of its own, whatever the machine's br_netfilter says.
const DOM0_SYSCTLS = {
  ...QUIET,
  'net/bridge/bridge-nf-call-iptables': '0',
  'net/bridge/bridge-nf-call-ip6tables': '0',
  'net/bridge/bridge-nf-call-arptables': '0',
};

// Nodes that exist before any guest does.
const OF_XEN = {
  '/local/domain/0/name': 'Domain-0',
  '/local/domain/0/domid': '0',
  '/local/domain/0/backend/vif': '',
  '/libxl': '',
  '/vm': '',
};

export type Xenstored = Awaited<ReturnType<typeof startXenstored>>;

/** A Xen host in small: dom0, its xenstored, bridges with gateways, and the guests that tests add. */
export class Lab {
  readonly #guests: Guest[] = [];
  readonly #segments: readonly Segment[];

  private constructor(
    /** A directory of the lab's own, for configs and other files. */
    readonly dir: string,
    readonly store: Xenstored,
    segments: readonly Segment[],
    readonly script: string,
    readonly backend: BackendName,
    /** What the script finds in its environment besides libxl's own. */
    readonly environment: Readonly<Record<string, string>>,
  ) {
    this.#segments = segments;
  }

  /** Builds a lab; the caller stops it. Tests use `startLab`. */
  static async open(options: LabOptions = {}): Promise<Lab> {
    await sweep();
    const dir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
    const config = join(dir, 'vif-guard.conf');
    const bridges = options.bridges ?? ['xenbr0'];
    const [store, dom0] = await Promise.all([startXenstored(dir), Namespace.start('dom0', DOM0_SYSCTLS)]);
    const segments = await Promise.all(bridges.map((bridge, index) => Segment.start(dom0, bridge, index)));
    await store.write(OF_XEN);
    const PATH = `${join(XEN_ROOT, 'usr/bin')}:${SYSTEM_PATH}`;
    const environment = { ...store.env, PATH, VIFGUARD_CONF: config, ...options.environment };
    const backend = options.backend ?? defaultBackend();
    const lab = new Lab(dir, store, segments, options.script ?? SCRIPT, backend, environment);
    await lab.writeHostConfig(options.hostConfig ?? '');
    return lab;
  }

  /** The gateway of the first bridge. */
  get gateway(): Gateway {
    return this.segment().gateway;
  }

  /** dom0 at the first bridge. */
  get dom0(): Dom0 {
    return this.segment().dom0;
  }

  get guests(): readonly Guest[] {
    return this.#guests;
  }

  /** A bridge and what belongs to it; the first one unless named, and for a name that no bridge has. */
  segment(bridge?: string): Segment {
    const found = this.#segments.find((segment) => segment.bridge === (bridge ?? segment.bridge));
    const [first] = this.#segments;
    if (first === undefined) throw new LabError('the lab has no bridge');
    return found ?? first;
  }

  /** Adds a guest whose device waits for its script. */
  async guest(options: GuestOptions): Promise<Guest> {
    const guest = await Guest.create(this, options);
    this.#guests.push(guest);
    return guest;
  }

  /** Writes a file of the lab's own and gives its path. */
  async writeFile(name: string, text: string): Promise<string> {
    const path = join(this.dir, name);
    await writeFile(path, text);
    return path;
  }

  /** Writes the host config anew: the lab's backend, then `text`. */
  async writeHostConfig(text: string): Promise<void> {
    await this.writeFile('vif-guard.conf', `${text}\nbackend = "${this.backend}"\n`);
  }

  /** Runs a command in dom0 to its end, whatever that is, in the script's environment but libxl's part. */
  exec(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.dom0.namespace.try(command, args, {
      ...options,
      env: { ...this.environment, ...options.env },
    });
  }

  /** Everything in dom0 that a guard may leave behind, to be compared with the same at another time. */
  residue(): Promise<Residue> {
    return readResidue(this);
  }

  async stop(): Promise<void> {
    const namespaces = [this.dom0.namespace, ...this.#segments.map(({ gateway }) => gateway.namespace)];
    await Promise.all([...namespaces, ...this.#guests].map((part) => part.stop()));
    await this.store.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Whatever stops things at the end: ava's `t`. */
/** A lab that ends with its test, however that ends. */
export async function startLab(owner: Owner, options: LabOptions = {}): Promise<Lab> {
  await takeTurn(owner);
  const lab = await Lab.open(options);
  owner.teardown(() => lab.stop());
  return lab;
}

/** One variable runs a whole suite on the other backend. */
function defaultBackend(): BackendName {
  return process.env.VIFGUARD_TEST_BACKEND === 'nftables' ? 'nftables' : 'xtables';
}

const PREFIX = 'vifguard-lab-';

/** Deletes the directories of labs whose process has ended; all else ended with that process. */
async function sweep(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  const stale = names.filter((name) => !isAlive(Number.parseInt(name.slice(PREFIX.length), 10)));
  await Promise.all(stale.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
