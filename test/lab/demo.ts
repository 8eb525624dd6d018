import Table from 'cli-table3';
import { ATTACK_CLASSES, type AttackClass } from '../attacks/showcase.ts';
import type { Guest } from './guest.ts';
import { Lab } from './lab.ts';
import { GATEWAY } from './segment.ts';
import { ping, tcp } from './traffic.ts';

const NAMES = ['web1', 'web2', 'web3'] as const;

/** How many frames of a class have arrived at the gateway, dom0 and the neighbour. */
type Counts = readonly number[];

/** Three guests, one hostile: what arrives at the gateway, dom0 and a neighbour, without vifguard and with it. */
async function demo(lab: Lab): Promise<boolean> {
  const started = performance.now();
  const [hostile, neighbour, third] = await Promise.all(NAMES.map((name, i) => addGuest(lab, name, i + 1)));
  if (!hostile || !neighbour || !third) throw new TypeError('three guests were made');
  const guests = [hostile, neighbour, third];
  const attack = async () => {
    const counts: Counts[] = [];
    for (const { attacks } of ATTACK_CLASSES) counts.push(await arrivals(hostile, neighbour, attacks));
    return counts;
  };

  for (const guest of guests) await guest.onlineUnguarded();
  const before = await attack();
  for (const guest of guests) await guard(guest);
  const after = await attack();

  console.log(tableOf(before, after));
  const lawful = await lawfulTraffic(lab, hostile);
  for (const [name, works] of Object.entries(lawful)) console.log(`${works ? 'works' : 'FAILS'}: ${name}`);
  const proven = before.every((counts) => counts.some((count) => count > 0));
  const stopped = after.flat().every((count) => count === 0);
  const succeeded = proven && stopped && Object.values(lawful).every(Boolean);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const verdict = succeeded
    ? 'Every class gets through unguarded, no frame guarded; lawful traffic flows'
    : 'FAILED';
  console.log(`${verdict} (${seconds} s)`);
  return succeeded;
}

async function addGuest(lab: Lab, name: string, n: number): Promise<Guest> {
  await lab.writeFile(`${name}.cfg`, `name = "${name}"\nvif = [ "" ]\nvifguard = [ "peers=open" ]\n`);
  return lab.guest({ domid: n, name, ip: `192.0.2.4${n} 2001:db8:0:ffff::4${n}` });
}

async function guard(guest: Guest): Promise<void> {
  await guest.offline();
  const { exitCode, stderr } = await guest.online();
  if (exitCode !== 0) throw new Error(stderr);
}

async function arrivals(hostile: Guest, neighbour: Guest, attacks: AttackClass['attacks']): Promise<Counts> {
  const frames = attacks.flatMap(({ shots }) => shots.map(({ frame }) => frame));
  const arrived = await hostile.arrivals(frames, [hostile.lab.gateway, hostile.lab.dom0, neighbour]);
  return arrived.map((frames) => frames.filter(Boolean).length);
}

async function lawfulTraffic(lab: Lab, guest: Guest): Promise<Record<string, boolean>> {
  // The gateway has believed what it was told while nobody was guarded.
  await lab.gateway.namespace.ip('neigh flush all');
  await guest.configureAddresses();
  const pings = async (size: number) =>
    (await ping(guest, GATEWAY.ip, { size })) && (await ping(guest, GATEWAY.ip6, { size }));
  return {
    'ping over IPv4 and IPv6': await pings(56),
    'the same in fragments': await pings(4000),
    'TCP over IPv4 and IPv6':
      (await tcp(guest, lab.gateway, GATEWAY.ip)) && (await tcp(guest, lab.gateway, GATEWAY.ip6)),
  };
}

function tableOf(before: readonly Counts[], after: readonly Counts[]): string {
  const places = ['gateway', 'dom0', 'web2'];
  const table = new Table({
    head: ['web1 sends', 'frames', ...places, ...places.map((place) => `${place}\nguarded`)],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', ...Array.from({ length: 7 }, () => 'right' as const)],
  });
  const total = (counts: readonly Counts[]) =>
    [0, 1, 2].map((i) => counts.reduce((sum, row) => sum + (row[i] ?? 0), 0));
  const sent = ATTACK_CLASSES.map(({ attacks }) => attacks.reduce((sum, { shots }) => sum + shots.length, 0));
  const rows = ATTACK_CLASSES.map(({ label }, i) => [
    label,
    sent[i] ?? 0,
    ...(before[i] ?? []),
    ...(after[i] ?? []),
  ]);
  table.push(...rows, ['all', sent.reduce((sum, n) => sum + n, 0), ...total(before), ...total(after)]);
  return table.toString();
}

const lab = await Lab.open();
try {
  await lab.writeFile('vif-guard.conf', `domain_configs = [ "${lab.dir}" ]\n`);
  process.exitCode = (await demo(lab)) ? 0 : 1;
} finally {
  await lab.stop();
}
