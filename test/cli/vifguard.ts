import { fileURLToPath } from 'node:url';
import { LabError } from '../lab/error.ts';
import type { Guest, GuestOptions } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import type { RunOptions, RunResult } from '../lab/netns.ts';

/** The program as it is installed. */
export const VIFGUARD = fileURLToPath(new URL('../../hotplug/vifguard', import.meta.url));

/** Runs `vifguard` in dom0, to its end. */
export function vifguard(lab: Lab, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return lab.exec(VIFGUARD, args, { timeout: 60_000, ...options });
}

/** What `vifguard ARGS --json` prints. @throws LabError when it prints none */
export async function vifguardJson<Shape>(lab: Lab, ...args: readonly string[]): Promise<Shape> {
  const { stdout, stderr } = await vifguard(lab, [...args, '--json']);
  if (stderr !== '') throw new LabError(`vifguard ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as Shape;
}

/** Lets domain configs be found in the lab's own directory. */
export async function useDomainConfigs(lab: Lab): Promise<void> {
  await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]\n`);
}

/** A guest, guarded, with directives of its own. @throws LabError when its script fails */
export async function guardedGuest(lab: Lab, options: GuestOptions, directives = ''): Promise<Guest> {
  const guest = await lab.guest(options);
  const config = [`name = "${guest.name}"`, `vif = [ "mac=${guest.mac}" ]`, `vifguard = [ "${directives}" ]`];
  if (directives !== '') await lab.writeFile(`${guest.name}.cfg`, `${config.join('\n')}\n`);
  const { exitCode, hotplugError } = await guest.online();
  if (exitCode !== 0) throw new LabError(`${guest.name} cannot be guarded: ${hotplugError}`);
  return guest;
}
