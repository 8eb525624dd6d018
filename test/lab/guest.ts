import { formatPrefix, type IpPrefix, parsePrefix } from '../../src/address/ip.ts';
import { VifguardError } from '../../src/errors.ts';
import { type Bytes, toHex } from '../frames/bytes.ts';
import { LabError } from './error.ts';
import { type HotplugOptions, type HotplugResult, type HotplugRun, startHotplug } from './hotplug.ts';
import type { Lab } from './lab.ts';
import {
  type Action,
  backendDomainPath,
  backendPath,
  deviceName,
  domainNodes,
  domainPath,
  frontendPath,
  libxlPath,
  tapName,
  type Vif,
  vifNodes,
  vmPath,
} from './libxl.ts';
import { Namespace } from './netns.ts';
import { type FloodLimit, type FloodResult, Nic } from './nic.ts';
import { poll } from './poll.ts';
import { GATEWAY, type Segment } from './segment.ts';
import { among, observe, type Witness } from './witness.ts';

/** A vif; what is left out gets a value that follows from `domid` and `handle`. */
export type GuestOptions = Pick<Vif, 'domid'> & Partial<Vif>;

export interface OfflineOptions {
  /** Whether the device still exists when the script runs; xl's normal order deletes it first. */
  readonly device?: 'gone' | 'present';
}

export interface ArrivalOptions {
  readonly at: Witness | readonly Witness[];
}

// DAD and router solicitation begin at once.
const SWIFT = {
  'net/ipv6/conf/all/router_solicitation_delay': '0',
  'net/ipv6/conf/default/router_solicitation_delay': '0',
};

/** A guest of the lab: a namespace whose eth0 is the other end of dom0's vif. */
export class Guest implements Witness {
  /** The guest's paravirtual interface. */
  readonly nic: Nic;
  /** The emulated interface of an HVM guest (emu0), the other end of the tap. */
  readonly emulatedNic: Nic;
  readonly device: string;
  #plugged = false;
  #known = true;

  private constructor(
    readonly lab: Lab,
    readonly vif: Vif,
    readonly namespace: Namespace,
    readonly segment: Segment,
  ) {
    this.nic = new Nic(namespace, 'eth0');
    this.emulatedNic = new Nic(namespace, 'emu0');
    this.device = deviceName(vif);
  }

  /** Builds domain, device and xenstore nodes, as they are when libxl calls the script. */
  static async create(lab: Lab, options: GuestOptions): Promise<Guest> {
    const vif = withDefaults(options);
    const segment = lab.segment(vif.bridge);
    const namespace = await Namespace.start(`${vif.name} (${deviceName(vif)})`, SWIFT);
    const guest = new Guest(lab, vif, namespace, segment);
    await Promise.all([lab.store.write({ ...domainNodes(vif), ...vifNodes(vif, lab.script) }), guest.plug()]);
    return guest;
  }

  get name(): string {
    return this.vif.name;
  }

  get mac(): string {
    return this.vif.mac;
  }

  /** The addresses of the vif spec, without prefixes; what is no address is left out. */
  get addresses(): { readonly ip: string | undefined; readonly ip6: string | undefined } {
    const prefixes = (this.vif.ip ?? '').split(/\s+/).flatMap(tryPrefix);
    const first = (family: 4 | 6) => prefixes.find((prefix) => prefix.family === family);
    return { ip: hostOf(first(4)), ip6: hostOf(first(6)) };
  }

  /** Makes the devices as netback does (and qemu its tap): down, on no bridge. Nothing if they exist. */
  async plug(): Promise<void> {
    if (this.#plugged) return;
    this.#plugged = true;
    const vif = this.vif;
    const dom0 = this.lab.dom0.namespace.pid;
    const pair = (inside: string, outside: string) => [
      `link add ${inside} address ${vif.mac} type veth peer name ${outside} address fe:ff:ff:ff:ff:ff netns ${dom0}`,
      // A real DAD, in a tenth of a second.
      `ntable change name ndisc_cache dev ${inside} retrans 100`,
      `link set ${inside} up`,
    ];
    const tap = vif.type === 'vif_ioemu' ? pair('emu0', tapName(vif)) : [];
    await this.namespace.ip(...pair('eth0', this.device), ...tap);
  }

  /** Deletes the devices, as netback and qemu do when the guest ends; their names in dom0 do not matter. */
  async unplug(): Promise<void> {
    if (!this.#plugged) return;
    this.#plugged = false;
    await Promise.all([this.nic.reset(), this.emulatedNic.reset()]);
    const tap = this.vif.type === 'vif_ioemu' ? ['link delete emu0'] : [];
    await this.namespace.ip('link delete eth0', ...tap);
  }

  /** Starts the script for one action, to be awaited or killed. */
  hotplug(action: Action, options?: HotplugOptions): HotplugRun {
    return startHotplug(this.lab, this.vif, action, options);
  }

  /** What xl does to attach: a fresh device if there is none, the script, for HVM guests again for the tap. */
  async online(): Promise<HotplugResult> {
    await this.plug();
    const result = await this.hotplug('online').result;
    if (result.exitCode !== 0) return result;
    await this.#linkMayComeUp(this.nic);
    if (this.vif.type !== 'vif_ioemu') return result;
    const tap = await this.hotplug('add').result;
    if (tap.exitCode === 0) await this.#linkMayComeUp(this.emulatedNic);
    return tap;
  }

  /** What xl does to detach: backend offline, device deleted, the script; the nodes stay until `forget`. */
  async offline({ device = 'gone' }: OfflineOptions = {}): Promise<HotplugResult> {
    await this.lab.store.write({
      [`${backendPath(this.vif)}/online`]: '0',
      [`${backendPath(this.vif)}/state`]: '6',
    });
    if (device === 'gone') await this.unplug();
    const result = await this.hotplug('offline').result;
    if (this.vif.type !== 'vif_ioemu') return result;
    const tap = await this.hotplug('remove').result;
    return result.exitCode === 0 ? tap : result;
  }

  /** What libxl does after offline: the vif's nodes go, and with its last vif the domain's. */
  async forget(): Promise<void> {
    const { domid } = this.vif;
    this.#known = false;
    const last = !this.lab.guests.some((guest) => guest.#known && guest.vif.domid === domid);
    const ofVif = [backendPath(this.vif), frontendPath(this.vif), libxlPath(this.vif)];
    const ofDomain = [backendDomainPath(domid), domainPath(domid), `/libxl/${domid}`, vmPath(domid)];
    await Promise.all((last ? ofDomain : ofVif).map((path) => this.lab.store.rm(path)));
  }

  /** A port without any guard: on the bridge and up, which is all that Debian's vif-bridge does. */
  async onlineUnguarded(): Promise<void> {
    await this.plug();
    const taps = this.vif.type === 'vif_ioemu' ? [tapName(this.vif)] : [];
    const ports = [this.device, ...taps];
    await this.lab.dom0.namespace.ip(...ports.map((port) => `link set ${port} master ${this.vif.bridge} up`));
    await this.lab.store.write({ [`${backendPath(this.vif)}/hotplug-status`]: 'connected' });
    await this.linkUp();
  }

  /** Takes the guest's devices, processes and namespace away, without a script. */
  async stop(): Promise<void> {
    await this.namespace.stop();
  }

  /**
   * Gives eth0 the vif spec's addresses (those of /24 and /64 networks) and the gateway as router.
   *
   * @throws LabError when an address does not get through duplicate address detection.
   */
  async configureAddresses(): Promise<void> {
    const { ip, ip6 } = this.addresses;
    const v4 = [`addr replace ${ip}/24 dev eth0`, `route replace default via ${GATEWAY.ip}`];
    const v6 = [`addr replace ${ip6}/64 dev eth0`, `route replace default via ${GATEWAY.ip6}`];
    await this.namespace.ip(...(ip === undefined ? [] : v4), ...(ip6 === undefined ? [] : v6));
    await this.addressesSettled();
  }

  /** Waits for the end of duplicate address detection. */
  async addressesSettled(): Promise<void> {
    await poll(`the end of DAD in ${this.name}`, async () => {
      const output = await this.namespace.run('ip', ['-6', 'addr', 'show', 'dev', 'eth0']);
      if (output.includes('dadfailed')) throw new LabError(`duplicate address in ${this.name}: ${output}`);
      return output.includes('inet6 fe80:') && !output.includes('tentative');
    });
  }

  capture() {
    return this.nic.capture();
  }

  async sendFence(mark: Bytes): Promise<void> {
    await this.segment.sendFence({ mac: this.mac, ...this.addresses }, mark);
  }

  /** Sends raw frames out of eth0. */
  async send(...frames: readonly Bytes[]): Promise<void> {
    await this.nic.send(...frames);
  }

  async flood(frame: Bytes, limit: FloodLimit): Promise<FloodResult> {
    return this.nic.flood(frame, limit);
  }

  /**
   * Sends frames in this order (fragments of one packet, say), then tells for each witness, and for
   * each frame, whether it arrived.
   */
  async arrivals(
    frames: readonly Bytes[],
    witnesses: readonly Witness[],
    nic = this.nic,
  ): Promise<boolean[][]> {
    const seen = await observe(() => nic.send(...frames), witnesses);
    return seen.map((arrived) => frames.map(among(arrived)));
  }

  /** @throws LabError when the frame does not arrive at every one of the witnesses. */
  async expectArrives(frame: Bytes, { at }: ArrivalOptions): Promise<void> {
    const blind = await this.#witnessesWhere(false, frame, [at].flat());
    if (blind.length > 0)
      throw new LabError(`${this.#describe(frame)} did not arrive at ${blind.join(', ')}`);
  }

  /** @throws LabError when the frame arrives at any of the witnesses. */
  async expectDoesNotArrive(frame: Bytes, { at }: ArrivalOptions): Promise<void> {
    const reached = await this.#witnessesWhere(true, frame, [at].flat());
    if (reached.length > 0) throw new LabError(`${this.#describe(frame)} arrived at ${reached.join(', ')}`);
  }

  async #witnessesWhere(arrived: boolean, frame: Bytes, witnesses: readonly Witness[]): Promise<string[]> {
    const results = await this.arrivals([frame], witnesses);
    return witnesses.filter((_, i) => results[i]?.[0] === arrived).map((witness) => witness.name);
  }

  #describe(frame: Bytes): string {
    return `a frame of ${frame.length} octets from ${this.name} (${toHex(frame)})`;
  }

  /** Waits until frames can be sent: the kernel tells this end of the other's coming up a little later. */
  async linkUp(nic: Nic = this.nic, timeout?: number): Promise<void> {
    const injector = await nic.injector();
    await poll(`a link on ${nic.name} of ${this.name}`, () => injector.isUp(), timeout);
  }

  /** A script may succeed and leave the port down: mode=disabled. */
  async #linkMayComeUp(nic: Nic): Promise<void> {
    try {
      await this.linkUp(nic, 1000);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
    }
  }
}

function withDefaults(options: GuestOptions): Vif {
  const { domid, handle = 0 } = options;
  const octets = [domid >> 8, domid, handle].map((n) => (n & 0xff).toString(16).padStart(2, '0'));
  const defaults = { handle, name: `guest${domid}`, mac: `00:16:3e:${octets.join(':')}`, bridge: 'xenbr0' };
  return { ...defaults, type: 'vif', ...options };
}

function tryPrefix(text: string): IpPrefix[] {
  try {
    return text === '' ? [] : [parsePrefix(text)];
  } catch (error) {
    if (error instanceof VifguardError) return [];
    throw error;
  }
}

function hostOf(prefix: IpPrefix | undefined): string | undefined {
  return prefix && formatPrefix({ ...prefix, length: prefix.family === 4 ? 32 : 128 });
}
