import type { ExecutionContext } from 'ava';
import { LabError } from '../lab/error.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Namespace } from '../lab/netns.ts';
import { DOM0, GATEWAY, type Host } from '../lab/segment.ts';
import type { Witness } from '../lab/witness.ts';

/** A guest as a station: what it may call itself. */
export interface Station extends Host {
  readonly linkLocal: string;
}

export const ATTACKER: Station = {
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

export interface PolicyOptions {
  /** The vif spec's `ip=`; the attacker's own two addresses unless told. */
  readonly ip?: string;
  /** An entry of `vifguard = [ ... ]`. */
  readonly directives?: string;
}

/** A lab with an attacker and a neighbour, of which nobody answers frames: what arrives was sent by a test. */
export interface Cast {
  readonly lab: Lab;
  readonly attacker: Guest;
  readonly neighbour: Guest;
  readonly witnesses: Readonly<Record<Place, Witness>>;
}

/** `attacker` and `neighbour`: what the policies of the two say. Their ports are not yet on the bridge. */
export async function startCast(
  t: ExecutionContext,
  { attacker = {}, neighbour = {} }: { attacker?: PolicyOptions; neighbour?: PolicyOptions } = {},
): Promise<Cast> {
  const lab = await startLab(t);
  await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]\n`);
  const [first, second] = await Promise.all([
    addGuest(lab, { domid: 1, name: 'attacker', station: ATTACKER, policy: attacker }),
    addGuest(lab, { domid: 2, name: 'neighbour', station: NEIGHBOUR, policy: neighbour }),
    // Group frames go everywhere, which is an attacker's best case.
    lab.dom0.namespace.ip('link set xenbr0 type bridge mcast_snooping 0'),
  ]);
  const witnesses = { gateway: lab.gateway, neighbour: second, dom0: lab.dom0 };
  return { lab, attacker: first, neighbour: second, witnesses };
}

interface GuestPart {
  readonly domid: number;
  readonly name: string;
  readonly station: Station;
  readonly policy: PolicyOptions;
}

async function addGuest(lab: Lab, { domid, name, station, policy }: GuestPart): Promise<Guest> {
  const ip = policy.ip ?? `${station.ip} ${station.ip6}`;
  const directives = policy.directives ?? 'peers=open';
  const config = [`name = "${name}"`, `vif = [ "mac=${station.mac}" ]`, `vifguard = [ "${directives}" ]`];
  await lab.writeFile(`${name}.cfg`, `${config.join('\n')}\n`);
  const guest = await lab.guest({ domid, name, mac: station.mac, ip });
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
