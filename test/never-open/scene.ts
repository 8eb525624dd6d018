import type { ExecutionContext } from 'ava';
import type { BackendName } from '../../src/backends/names.ts';
import { vifguard } from '../cli/vifguard.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { type FloodOptions, flooding, IP, NONE } from './flood.ts';

export const ADDRESSES = `${IP} 2001:db8:0:ffff::41`;

export interface Scene {
  readonly lab: Lab;
  /** Sends what it may not. */
  readonly guest: Guest;
  /** Isolated as the guest is, and there all the while. */
  readonly neighbour: Guest;
}

/** Two guests whose devices wait for their script. */
export async function startUnguarded(
  t: ExecutionContext,
  backend: BackendName,
  script?: string,
): Promise<Scene> {
  const lab = await startLab(t, { backend, ...(script && { script }) });
  await useBackend(lab, backend);
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: ADDRESSES });
  const neighbour = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.52 2001:db8:0:ffff::52' });
  return { lab, guest, neighbour };
}

/** Two guarded guests, whose lawful traffic passes. */
export async function startScene(t: ExecutionContext, backend: BackendName, script?: string): Promise<Scene> {
  const scene = await startUnguarded(t, backend, script);
  for (const guest of [scene.guest, scene.neighbour]) await attach(t, guest);
  await expectLawful(t, scene);
  return scene;
}

export async function attach(t: ExecutionContext, guest: Guest): Promise<void> {
  const { exitCode, hotplugError, stderr } = await guest.online();
  t.is(exitCode, 0, hotplugError ?? stderr);
}

export async function detach(t: ExecutionContext, guest: Guest, device: 'gone' | 'present'): Promise<void> {
  const { exitCode, stderr } = await guest.offline({ device });
  t.is(exitCode, 0, stderr);
}

/** Writes the host config anew, for a backend. */
export async function useBackend(lab: Lab, backend: BackendName): Promise<void> {
  await lab.writeFile('vif-guard.conf', `backend = "${backend}"\ndomain_configs = [ "${lab.dir}" ]\n`);
}

/** Writes what the vif spec has for `ip`, and the entry of `vifguard = [ ... ]`, and applies it. */
export async function change(
  t: ExecutionContext,
  { lab, guest }: Scene,
  [ip, directives]: readonly [ip: string, directives: string],
): Promise<void> {
  await lab.store.write({ '/local/domain/0/backend/vif/1/0/ip': ip });
  await lab.writeFile(
    'web1.cfg',
    `name = "web1"\nvif = [ "mac=${guest.mac}" ]\nvifguard = [ "${directives}" ]\n`,
  );
  t.regex((await vifguard(lab, ['reload'])).stdout, /^web1 \(vif1\.0\): /);
}

async function expectLawful(t: ExecutionContext, { guest, neighbour }: Scene): Promise<void> {
  for (const each of [guest, neighbour]) {
    await each.configureAddresses();
    for (const address of [GATEWAY.ip, GATEWAY.ip6]) t.true(await ping(each, address), each.name);
  }
}

/** Of what the guest floods meanwhile nothing arrives, and what is lawful passes afterwards. */
export async function expectShut(
  t: ExecutionContext,
  scene: Scene,
  scenario: () => Promise<void>,
  options?: FloodOptions,
): Promise<void> {
  const { sent, rounds, arrived } = await flooding(scene.guest, scene.neighbour, scenario, options);
  t.log(`${sent} frames in ${rounds} rounds`);
  t.true(sent >= 100_000);
  t.deepEqual(arrived, NONE);
  await expectLawful(t, scene);
  const { exitCode, stdout } = await vifguard(scene.lab, ['check']);
  t.is(exitCode, 0, stdout);
}
