import assert from 'node:assert/strict';
import { GATEWAY } from '../lab/segment.ts';
import type { Guest } from './guest.ts';

/** A guest as it is allowed to be. */
export interface Station {
  readonly mac: string;
  readonly ip: string;
  readonly ip6: string;
}

/** The n-th ordinary guest, of at most nine. */
export function station(n: number): Station {
  return { mac: `00:16:3e:00:0${n}:00`, ip: `192.0.2.4${n}`, ip6: `2001:db8:0:ffff::4${n}` };
}

export const WEB = station(1);

/** An address and a MAC that are nobody's. */
export const FOREIGN = '192.0.2.66';
export const STRANGER = '00:16:3e:66:66:66';

const AS_ANOTHER = `ip addr replace ${FOREIGN}/32 dev eth0; ping -c 1 -W 3 -I ${FOREIGN} ${GATEWAY.ip} >/dev/null`;

/** A vif spec; later fields are added as they are. */
export function spec({ mac, ip, ip6 }: Station, ...fields: readonly string[]): string {
  return [`mac=${mac}`, 'bridge=xenbr0', `ip=${ip} ${ip6}`, 'script=vif-guard', ...fields].join(',');
}

/** Gives a guest its addresses on an interface. */
export async function configure(guest: Guest, { ip, ip6 }: Station, iface = 'eth0'): Promise<void> {
  await guest.configure(iface, `${ip}/24`, `${ip6}/64`);
}

/** Whether the gateway answers a guest that has taken another's address. */
export async function speaksAsAnother(guest: Guest): Promise<boolean> {
  return (await guest.attempt(AS_ANOTHER)).status === 0;
}

/** Gives a guest's eth0 another MAC. */
export async function become(guest: Guest, mac: string): Promise<void> {
  await guest.run(`ip link set eth0 down && ip link set eth0 address ${mac} && ip link set eth0 up`);
}

/** Lawful traffic flows, in both families, and another's address does not work. */
export async function expectGuarded(guest: Guest): Promise<void> {
  const pings = [GATEWAY.ip, GATEWAY.ip6].map((address) => `ping -c 1 -W 5 ${address} >/dev/null; echo $?`);
  const [ipv4, ipv6, other] = (await guest.run([...pings, `${AS_ANOTHER}; echo $?`].join('; '))).split('\n');
  assert.equal(ipv4, '0', `${guest.name} reaches the gateway over IPv4`);
  assert.equal(ipv6, '0', `${guest.name} reaches the gateway over IPv6`);
  assert.notEqual(other, '0', `${guest.name} cannot speak as another`);
}

/** The path of a guest's .cfg, and where that is. */
type Configured = Pick<Guest, 'dom0' | 'config'>;

/** Lets a guest be anybody, by its config. */
export async function unlock({ dom0, config }: Configured): Promise<void> {
  await dom0.run(`echo 'vifguard = [ "mode=unlocked" ]' >>${config}; vifguard reload`);
}

/** Undoes `unlock`. */
export async function lock({ dom0, config }: Configured): Promise<void> {
  await dom0.run(`sed -i '/^vifguard/d' ${config}; vifguard reload`);
}
