import { LabError } from '../lab/error.ts';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import { type Action, backendPath, hotplugArguments, hotplugEnvironment } from '../lab/libxl.ts';
import { compiled } from '../lab/program.ts';

/** What one run of a program took, in milliseconds; CPU time is that of all its processes. */
export interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

export interface EventCosts {
  readonly online: Cost;
  readonly offline: Cost;
}

/** Attaches and detaches the guest's vif by a script, in libxl's order, with what libxl does around it. */
export async function measureEvents(guest: Guest, script: string): Promise<EventCosts> {
  const { lab, vif } = guest;
  const backend = backendPath(vif);
  await lab.store.write({
    [`${backend}/online`]: '1',
    [`${backend}/state`]: '1',
    [`${backend}/hotplug-status`]: '',
  });
  await guest.plug();
  const online = await measureEvent(guest, script, 'online');
  const status = await lab.store.read(`${backend}/hotplug-status`);
  if (status !== 'connected') throw new LabError(`${script}: hotplug-status is ${status}, not "connected"`);
  await lab.store.write({ [`${backend}/online`]: '0', [`${backend}/state`]: '6' });
  await guest.unplug();
  return { online, offline: await measureEvent(guest, script, 'offline') };
}

function measureEvent({ lab, vif }: Guest, script: string, action: Action): Promise<Cost> {
  return measure(lab, [script, ...hotplugArguments(action)], hotplugEnvironment(vif, script));
}

/** @throws LabError unless the command exits with 0. */
export async function measure(
  lab: Lab,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Cost> {
  const program = await compiled(new URL('measure.c', import.meta.url));
  const { stdout, stderr } = await lab.exec(program, command, { env, timeout: 60_000 });
  const [status, wall = Number.NaN, cpu = Number.NaN] = stdout.split(' ').map(Number);
  if (status !== 0) throw new LabError(`"${command.join(' ')}" exited with ${status}: ${stderr}`);
  return { wall, cpu };
}

/** node itself, with nothing to do. */
export const EMPTY_NODE = [process.execPath, '/dev/null'];
