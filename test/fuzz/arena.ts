import { policyFromJson } from '../../src/policy/serialize.ts';
import type { Bytes } from '../frames/bytes.ts';
import { ethernet, icmpEchoReply, ipv4, marker } from '../frames/index.ts';
import { LabError } from '../lab/error.ts';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import { backendPath } from '../lab/libxl.ts';
import type { Nic } from '../lab/nic.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { fence } from '../lab/witness.ts';
import type { Sender, SentFrame } from './frames.ts';
import { guestPort, type Network, type Place } from './network.ts';
import type { WrittenPolicy } from './policies.ts';
import { DOMIDS, guestStation, SECOND_ROUTER } from './stations.ts';

/** A bridge with guarded guests, and what arrives where when frames are sent. */
export class Arena {
  readonly #nics: ReadonlyMap<Place, Nic>;

  private constructor(
    readonly lab: Lab,
    readonly guests: readonly Guest[],
  ) {
    this.#nics = new Map<Place, Nic>([
      ['gateway', lab.gateway.nic],
      ['dom0', lab.dom0.nic],
      ...guests.map((guest) => [guest.vif.domid, guest.nic] as const),
    ]);
  }

  static async open(lab: Lab): Promise<Arena> {
    await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]\n`);
    const guests = await Promise.all(
      DOMIDS.map((domid) =>
        lab.guest({ domid, name: `guest${domid}`, mac: guestStation(domid).mac, ip: '' }),
      ),
    );
    await Promise.all(guests.map(silence));
    // Group frames go everywhere, which is an attacker's best case.
    await lab.dom0.namespace.ip('link set xenbr0 type bridge mcast_snooping 0');
    const arena = new Arena(lab, guests);
    for (const nic of arena.#nics.values()) await nic.capture();
    return arena;
  }

  get places(): readonly Place[] {
    return [...this.#nics.keys()];
  }

  /** Gives the guests these policies, in the order of their domids, and tells what they became. */
  async guard(policies: readonly WrittenPolicy[]): Promise<Network> {
    await Promise.all(this.guests.map((guest, index) => this.#guardOne(guest, policies[index])));
    const ports = this.guests.map(async ({ vif, device }) => {
      const record = `cat /run/vifguard/net-*/ports/${device}.json`;
      const { policy } = JSON.parse((await this.lab.exec('sh', ['-c', record])).stdout);
      return guestPort(vif.domid, policyFromJson(policy));
    });
    return { backend: this.lab.backend, ports: await Promise.all(ports) };
  }

  async #guardOne(guest: Guest, written: WrittenPolicy | undefined): Promise<void> {
    const { ip, directives = '' } = written ?? {};
    const { name, mac, lab } = guest;
    const node = `${backendPath(guest.vif)}/ip`;
    await lab.writeFile(
      `${name}.cfg`,
      `name = "${name}"\nvif = [ "mac=${mac}" ]\nvifguard = [ "${directives}" ]\n`,
    );
    await (ip === undefined ? lab.store.rm(node) : lab.store.write({ [node]: ip }));
    const { exitCode, stderr } = await guest.online();
    if (exitCode !== 0) throw new LabError(`${name} cannot be guarded by ${directives}, ip=${ip}: ${stderr}`);
  }

  /** Sends the frames, each sender's in their order, and gives what arrived at each place. */
  async send(frames: readonly SentFrame[]): Promise<ReadonlyMap<Place, readonly Bytes[]>> {
    await this.#announceUplink();
    await this.#take();
    for (const sender of new Set(frames.map((frame) => frame.sender))) {
      const own = frames.filter((frame) => frame.sender === sender);
      const injector = await this.#nic(sender).injector();
      await injector.sendAll(own.map(({ octets }) => octets));
    }
    // Two hops are the longest way: what was sent before is in the sockets when this fence arrives.
    await fence(this.lab.gateway);
    return this.#take();
  }

  async #take(): Promise<ReadonlyMap<Place, readonly Bytes[]>> {
    const entries = [...this.#nics].map(async ([place, nic]) => {
      const capture = await nic.capture();
      return [place, await capture.take()] as const;
    });
    return new Map(await Promise.all(entries));
  }

  /** The bridge knows who is behind the uplink. */
  async #announceUplink(): Promise<void> {
    const hello = (src: string) =>
      ethernet({ src, dst: DOM0.mac }, ipv4({ src: GATEWAY.ip, dst: DOM0.ip }, icmpEchoReply(marker())));
    await this.lab.gateway.nic.send(hello(GATEWAY.mac), hello(SECOND_ROUTER.mac));
  }

  #nic(place: Sender): Nic {
    const nic = this.#nics.get(place);
    if (nic === undefined) throw new LabError(`nobody is at ${place}`);
    return nic;
  }
}

/** Keeps a guest's kernel from sending anything of its own. */
async function silence({ namespace }: Guest): Promise<void> {
  const keys = ['all', 'default', 'eth0'].map((key) => `net.ipv6.conf.${key}.disable_ipv6=1`);
  await namespace.run('sysctl', ['-qw', ...keys]);
}
