import test from 'ava';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

const GUESTS = 16;

const succeeds = async (
  results: readonly Promise<{ exitCode: number; stderr: string }>[],
): Promise<string[]> =>
  (await Promise.all(results)).filter(({ exitCode }) => exitCode !== 0).map(({ stderr }) => stderr);

test('32 events at once: every vif of every guest comes up guarded, and nothing remains when all have gone', async (t) => {
  const lab = await startLab(t);
  const warm = await lab.guest({ domid: 99 });
  await warm.online();
  await warm.offline();
  await warm.forget();
  const before = await lab.residue();
  const vifs = Array.from({ length: GUESTS * 2 }, (_, index) => ({
    domid: (index >> 1) + 1,
    handle: index & 1,
  }));
  const guests: Guest[] = [];
  for (const { domid, handle } of vifs) {
    const host = domid * 2 + handle + 8;
    guests.push(await lab.guest({ domid, handle, ip: `192.0.2.${host} 2001:db8:0:ffff::${host}` }));
  }
  t.deepEqual(await succeeds(guests.map((guest) => guest.hotplug('online').result)), []);

  const [first, last] = [guests[0], guests.at(-1)] as [Guest, Guest];
  await Promise.all([first, last].map((guest) => guest.configureAddresses()));
  t.true((await ping(first, GATEWAY.ip)) && (await ping(last, GATEWAY.ip6)));
  for (const guest of guests) {
    const payload = f.ipv4(
      { src: '192.0.2.1', dst: '192.0.2.255' },
      f.udp({ srcPort: 9, dstPort: 9 }, f.marker()),
    );
    const spoofed = f.ethernet({ src: guest.mac, dst: f.BROADCAST }, payload);
    await t.notThrowsAsync(guest.expectDoesNotArrive(spoofed, { at: [lab.gateway, lab.dom0] }));
  }

  // Half of them go while the other half comes anew.
  const [going, coming] = [guests.slice(0, GUESTS), guests.slice(GUESTS)];
  t.deepEqual(
    await succeeds([
      ...going.map((guest) => guest.offline()),
      ...coming.map((guest) => guest.hotplug('online').result),
    ]),
    [],
  );
  t.deepEqual(await succeeds(coming.map((guest) => guest.offline())), []);
  // One by one: the last of a domain takes the domain's nodes along.
  for (const guest of guests) await guest.forget();
  t.deepEqual(await lab.residue(), before);
});
