import type { ExecutionContext } from 'ava';
import { LabError } from '../lab/error.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, type LabOptions, startLab } from '../lab/lab.ts';
import type { Namespace } from '../lab/netns.ts';
import type { Nic } from '../lab/nic.ts';
import { DOM0, GATEWAY, type Host } from '../lab/segment.ts';
import type { Witness } from '../lab/witness.ts';

/** A guest as a station: what it may call itself. */
export interface Station extends Host {
  readonly linkLocal: string;
}

/** The guest that a test is about: it attacks, or frames that are not for it are sent its way. */
export const GUEST: Station = {
  mac: '00:16:3e:00:01:00',
  ip: '192.0.2.41',
  ip6: '2001:db8:0:ffff::41',
  linkLocal: 'fe80::216:3eff:fe00:100',
};
export const NEIGHBOUR: Station = {
  mac: '00:16:3e:00:02:00',
  ip: '192.0.2.42',
  ip6: '2001:db8:0:ffff::42',
  linkLocal: 'fe80::216:3eff:fe00:200',
};
/** An identity that is nobody's. */
export const STRANGER: Station = {
  mac: '00:16:3e:66:66:66',
  ip: '192.0.2.66',
  ip6: '2001:db8:0:ffff::66',
  linkLocal: 'fe80::216:3eff:fe66:6666',
};

/** The destinations that matter: the uplink, another guest, dom0 itself. */
export const PLACES = ['gateway', 'neighbour', 'dom0'] as const;
export type Place = (typeof PLACES)[number];

export const STATIONS: Readonly<Record<Place, Host>> = { gateway: GATEWAY, neighbour: NEIGHBOUR, dom0: DOM0 };

/** Where frames are sent from, and where they are looked for. */
export type Spot = Place | 'guest';

export interface PolicyOptions {
  /** The vif spec's `ip=`; the station's own two addresses by default, none at all for null. */
  readonly ip?: string | null;
  /** An entry of `vifguard = [ ... ]`. */
  readonly directives?: string;
}

export interface CastOptions {
  readonly guest?: PolicyOptions;
  readonly neighbour?: PolicyOptions;
  readonly lab?: LabOptions;
}

/** A lab with a guest and a neighbour, of which nobody answers frames: what arrives was sent by a test. */
export interface Cast {
  readonly lab: Lab;
  readonly guest: Guest;
  readonly neighbour: Guest;
}

/** The two guests' policies are said; their ports are not yet on the bridge. */
export async function startCast(t: ExecutionContext, options: CastOptions = {}): Promise<Cast> {
  const lab = await startLab(t, options.lab);
  await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]\n`);
  const [guest, neighbour] = await Promise.all([
    addGuest(lab, { domid: 1, name: 'guest', station: GUEST, policy: options.guest ?? {} }),
    addGuest(lab, { domid: 2, name: 'neighbour', station: NEIGHBOUR, policy: options.neighbour ?? {} }),
    // Group frames go everywhere, which is an attacker's best case.
    lab.dom0.namespace.ip('link set xenbr0 type bridge mcast_snooping 0'),
  ]);
  return { lab, guest, neighbour };
}

export function witness({ lab, guest, neighbour }: Cast, spot: Spot): Witness & { readonly nic: Nic } {
  return { gateway: lab.gateway, dom0: lab.dom0, guest, neighbour }[spot];
}

interface GuestPart {
  readonly domid: number;
  readonly name: string;
  readonly station: Station;
  readonly policy: PolicyOptions;
}

async function addGuest(lab: Lab, { domid, name, station, policy }: GuestPart): Promise<Guest> {
  const { ip = `${station.ip} ${station.ip6}`, directives = 'peers=open' } = policy;
  const config = [`name = "${name}"`, `vif = [ "mac=${station.mac}" ]`, `vifguard = [ "${directives}" ]`];
  await lab.writeFile(`${name}.cfg`, `${config.join('\n')}\n`);
  const guest = await lab.guest({ domid, name, mac: station.mac, ...(ip === null ? {} : { ip }) });
  await silence(guest.namespace);
  return guest;
}

/** Keeps a kernel from sending anything of its own. */
async function silence(namespace: Namespace): Promise<void> {
  const keys = ['all', 'default', 'eth0'].map((key) => `net.ipv6.conf.${key}.disable_ipv6=1`);
  await namespace.run('sysctl', ['-qw', ...keys]);
}

/** Replaces a guest's port, whatever it is, by a guarded one. @throws LabError when the script fails. */
export async function guard(guest: Guest): Promise<void> {
  await guest.unplug();
  await guest.plug();
  await silence(guest.namespace);
  const { exitCode, hotplugError } = await guest.online();
  if (exitCode !== 0) throw new LabError(`${guest.name} cannot be guarded: ${hotplugError}`);
}

/** Leaves a guarded port to the packet filter: its bridge flags are as the kernel makes them. */
export async function filterAlone({ lab, guest }: Pick<Cast, 'lab' | 'guest'>): Promise<void> {
  const flags = 'isolated off locked off learning on flood on guard off root_block off';
  await lab.dom0.namespace.run('bridge', ['link', 'set', 'dev', guest.device, ...flags.split(' ')]);
}

/** Leaves the ports to the bridge: everything in nftables goes, as with a careless firewall's reload. */
export async function bridgeAlone({ lab }: Pick<Cast, 'lab'>): Promise<void> {
  await lab.dom0.namespace.run('nft', ['flush', 'ruleset']);
}
