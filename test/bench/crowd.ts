import { LabError } from '../lab/error.ts';
import type { Lab } from '../lab/lab.ts';
import {
  deviceName,
  domainNodes,
  hotplugArguments,
  hotplugEnvironment,
  type Vif,
  vifNodes,
} from '../lab/libxl.ts';
import { Namespace } from '../lab/netns.ts';

/** How many scripts run at a time. */
const PARALLEL = 4;

/** How many of them share a bridge, which can have 1023 ports. */
const PER_BRIDGE = 1000;

/** Guests that only have to be there: device, store, config and the script's work are as everybody's. */
export class Crowd {
  readonly #vifs: Vif[] = [];

  private constructor(
    readonly lab: Lab,
    /** Holds the guests' ends of the devices. */
    readonly namespace: Namespace,
  ) {}

  static async start(lab: Lab): Promise<Crowd> {
    return new Crowd(lab, await Namespace.start('crowd'));
  }

  /** Attaches guests, each by an event of its own, until there are that many. */
  async growTo(size: number): Promise<void> {
    const { lab, namespace } = this;
    const first = this.#vifs.length + 1;
    const vifs = Array.from({ length: size - this.#vifs.length }, (_, index) => crowdVif(first + index));
    await Promise.all(vifs.map((vif) => writeDomainConfig(lab, vif)));
    const nodes = vifs.map((vif) => ({ ...domainNodes(vif), ...vifNodes(vif, lab.script) }));
    await lab.store.write(Object.assign({}, ...nodes));
    await lab.dom0.namespace.ip(
      ...this.#bridgesOf(vifs).flatMap((name) => [`link add ${name} type bridge`, `link set ${name} up`]),
      ...vifs.map(
        (vif) =>
          `link add ${deviceName(vif)} address fe:ff:ff:ff:ff:ff type veth peer name eth${vif.domid} netns ${namespace.pid}`,
      ),
    );
    const waiting = vifs.values();
    const work = async () => {
      for (const vif of waiting) await online(lab, vif);
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    this.#vifs.push(...vifs);
  }

  /** Those that are not there yet. */
  #bridgesOf(vifs: readonly Vif[]): readonly string[] {
    const names = new Set(vifs.map(({ bridge }) => bridge));
    const there = new Set(this.#vifs.map(({ bridge }) => bridge)).add(crowdBridge(1));
    return [...names].filter((name) => !there.has(name));
  }

  async stop(): Promise<void> {
    await this.namespace.stop();
  }
}

/** IPv4 documentation networks (RFC 5737) have room for some of them, IPv6 (RFC 3849) for all. */
const NETWORKS = ['198.51.100', '203.0.113'];
const HOSTS = 254;

/** The first is the lab's own. */
function crowdBridge(domid: number): string {
  return `xenbr${Math.floor((domid - 1) / PER_BRIDGE)}`;
}

function crowdVif(domid: number): Vif {
  const network = NETWORKS[Math.floor((domid - 1) / HOSTS)];
  const ipv4 = network === undefined ? [] : [`${network}.${((domid - 1) % HOSTS) + 1}`];
  const octets = [domid >> 8, domid & 0xff].map((octet) => octet.toString(16).padStart(2, '0'));
  return {
    domid,
    handle: 0,
    name: `crowd${domid}`,
    mac: `00:16:3e:ff:${octets.join(':')}`,
    bridge: crowdBridge(domid),
    ip: [...ipv4, `2001:db8:0:ffff::1:${domid.toString(16)}`].join(' '),
    type: 'vif',
  };
}

/** The domain's .cfg as its owner writes it, where the host config has vifguard look for it. */
export async function writeDomainConfig(lab: Lab, { name, mac, bridge, ip }: Vif): Promise<void> {
  const spec = `mac=${mac},bridge=${bridge},ip=${ip}`;
  await lab.writeFile(`${name}.cfg`, `name = '${name}'\nvif = [ '${spec}' ]\nvifguard = [ 'dhcp=on' ]\n`);
}

async function online(lab: Lab, vif: Vif): Promise<void> {
  const env = hotplugEnvironment(vif, lab.script);
  const { exitCode, stderr } = await lab.exec(lab.script, hotplugArguments('online'), {
    env,
    timeout: 60_000,
  });
  if (exitCode !== 0) throw new LabError(`${vif.name} did not come online: ${stderr}`);
}
