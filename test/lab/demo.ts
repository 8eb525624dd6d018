import Table from 'cli-table3';
import { ATTACKS } from '../attacks/catalogue.ts';
import { Lab } from './lab.ts';
import { GATEWAY } from './segment.ts';
import { ping, tcp } from './traffic.ts';

/** Three guests, one hostile: what arrives at the gateway, dom0 and a neighbour, without vifguard and with it. */
async function demo(lab: Lab): Promise<boolean> {
  const started = performance.now();
  const guests = await Promise.all(
    [1, 2, 3].map((n) =>
      lab.guest({ domid: n, name: `web${n}`, ip: `192.0.2.4${n} 2001:db8:0:ffff::4${n}` }),
    ),
  );
  const [hostile, neighbour] = guests;
  if (hostile === undefined || neighbour === undefined) throw new TypeError('three guests were made');
  const witnesses = [lab.gateway, lab.dom0, neighbour];
  const attack = () =>
    hostile.arrivals(
      ATTACKS.map(({ frame }) => frame(hostile)),
      witnesses,
    );

  for (const guest of guests) await guest.onlineUnguarded();
  const before = await attack();
  for (const guest of guests) {
    await guest.offline();
    await guest.plug();
    const { exitCode, stderr } = await guest.online();
    if (exitCode !== 0) throw new Error(stderr);
  }
  const after = await attack();
  await hostile.configureAddresses();
  const lawful = {
    'ping the gateway, IPv4': await ping(hostile, GATEWAY.ip),
    'ping the gateway, IPv6': await ping(hostile, GATEWAY.ip6),
    '4000-byte pings':
      (await ping(hostile, GATEWAY.ip, { size: 4000 })) && (await ping(hostile, GATEWAY.ip6, { size: 4000 })),
    'TCP both ways': await tcp(hostile, lab.gateway, GATEWAY.ip),
  };

  const reached = (arrived: readonly (readonly boolean[])[], index: number) =>
    ['gateway', 'dom0', 'web2'].filter((_, witness) => arrived[witness]?.[index]).join(' ') || 'nobody';
  const table = new Table({
    head: ['web1 tries', 'unguarded, reaches', 'guarded, reaches'],
    style: { head: [], border: [] },
  });
  table.push(...ATTACKS.map(({ name }, index) => [name, reached(before, index), reached(after, index)]));
  console.log(table.toString());
  for (const [name, works] of Object.entries(lawful))
    console.log(`lawful: ${name}: ${works ? 'works' : 'FAILS'}`);

  const proven = ATTACKS.every((_, index) => reached(before, index) !== 'nobody');
  const stopped = ATTACKS.every((_, index) => reached(after, index) === 'nobody');
  const kept = Object.values(lawful).every(Boolean);
  console.log(
    `${proven && stopped && kept ? 'All attacks worked unguarded, none guarded; lawful traffic flows' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  );
  return proven && stopped && kept;
}

const lab = await Lab.open();
try {
  process.exitCode = (await demo(lab)) ? 0 : 1;
} finally {
  await lab.stop();
}
