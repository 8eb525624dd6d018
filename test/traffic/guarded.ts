import type { ExecutionContext } from 'ava';
import { type Drops, dropsSince, readDrops } from '../attacks/drops.ts';
import { LabError } from '../lab/error.ts';
import type { Guest, GuestOptions } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';

/** A guest; what is left out follows from its place in the list: guest1 has 192.0.2.41 and 2001:db8:0:ffff::41. */
export interface GuestPlan extends Partial<GuestOptions> {
  /** An entry of `vifguard = [ ... ]`. */
  readonly directives?: string;
}

export interface Guarded<Plans extends readonly GuestPlan[]> {
  readonly lab: Lab;
  readonly guests: { readonly [Index in keyof Plans]: Guest };
}

/** A lab with guests whose ports are guarded and whose addresses are configured. */
export async function startGuarded<const Plans extends readonly GuestPlan[]>(
  t: ExecutionContext,
  ...plans: Plans
): Promise<Guarded<Plans>> {
  const planned = await startPlanned(t, ...plans);
  for (const guest of planned.guests) await guard(guest);
  return planned;
}

/** A lab with guests whose ports wait for their script. */
export async function startPlanned<const Plans extends readonly GuestPlan[]>(
  t: ExecutionContext,
  ...plans: Plans
): Promise<Guarded<Plans>> {
  const lab = await startLab(t);
  await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
  const guests: Guest[] = [];
  for (const [index, plan] of plans.entries()) guests.push(await addGuest(lab, index + 1, plan));
  return { lab, guests: guests as { [Index in keyof Plans]: Guest } };
}

/** Adds a guest, with a domain config if its plan has directives. */
export async function addGuest(lab: Lab, n: number, plan: GuestPlan): Promise<Guest> {
  const { directives, ...options } = plan;
  const ip = `192.0.2.4${n} 2001:db8:0:ffff::4${n}`;
  const guest = await lab.guest({ domid: n, ip, ...options });
  if (directives !== undefined) {
    const config = [
      `name = "${guest.name}"`,
      `vif = [ "mac=${guest.mac}" ]`,
      `vifguard = [ "${directives}" ]`,
    ];
    await lab.writeFile(`${guest.name}.cfg`, `${config.join('\n')}\n`);
  }
  return guest;
}

/** Brings a guest online and gives it its addresses. @throws LabError when the script refuses it. */
export async function guard(guest: Guest): Promise<void> {
  await bringOnline(guest);
  await guest.configureAddresses();
}

/** @throws LabError when the script refuses the guest. */
export async function bringOnline(guest: Guest): Promise<void> {
  const { exitCode, stderr } = await guest.online();
  if (exitCode !== 0) throw new LabError(`${guest.name} cannot be guarded: ${stderr}`);
}

/** What the guards have dropped of the guests' own frames: nothing, as long as all is lawful. */
export async function droppedFromGuests(lab: Lab): Promise<Drops> {
  return dropsSince({}, await readDrops(lab, 'from'));
}
