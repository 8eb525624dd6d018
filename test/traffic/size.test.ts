import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Lab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { GATEWAY } from '../lab/segment.ts';
import { type Machine, ping, tcp } from '../lab/traffic.ts';
import { bringOnline, droppedFromGuests, startGuarded, startPlanned } from './guarded.ts';

const WEB = { ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41' };

test('a jumbo bridge: guests have its MTU, or that of their vif spec', async (t) => {
  const { lab, guests } = await startPlanned(t, {}, { mtu: 1400 });
  await lab.dom0.namespace.ip('link set uplink0 mtu 9000', 'link set xenbr0 mtu 9000');
  await lab.gateway.namespace.ip('link set eth0 mtu 9000');
  for (const [guest, mtu] of [
    [guests[0], 9000],
    [guests[1], 1400],
  ] as const) {
    await bringOnline(guest);
    t.is(await lab.store.read(`/local/domain/${guest.vif.domid}/device/vif/0/mtu`), String(mtu));
    await guest.namespace.ip(`link set eth0 mtu ${mtu}`);
    await guest.configureAddresses();
    t.true(await ping(guest, GATEWAY.ip, { size: mtu - 28, dontFragment: true }));
    t.true(await ping(guest, GATEWAY.ip6, { size: mtu - 48, dontFragment: true }));
    t.true(await tcp(guest, lab.gateway, GATEWAY.ip6));
  }
  t.true(await ping(guests[0], GATEWAY.ip, { size: 20_000 }));
  t.true(await ping(guests[0], GATEWAY.ip6, { size: 20_000 }));
  t.deepEqual(await droppedFromGuests(lab), {});
});

const MEGABYTES = 50;

test(`${MEGABYTES} MB each way, in segments larger than the wire takes, come through whole`, async (t) => {
  const { lab, guests } = await startGuarded(t, {});
  const [web] = guests;
  const data = randomBytes(MEGABYTES << 20);
  const file = join(lab.dir, 'data');
  await writeFile(file, data);
  const digest = createHash('sha256').update(data).digest('hex');
  for (const [from, to, address] of [
    [web, lab.gateway, GATEWAY.ip],
    [web, lab.gateway, GATEWAY.ip6],
    [lab.gateway, web, WEB.ip],
    [lab.gateway, web, WEB.ip6],
  ] as const) {
    const before = await portCounters(lab, 'vif1.0');
    t.is(await transfer(file, { from, to, address }), digest, `to ${address}`);
    const after = await portCounters(lab, 'vif1.0');
    const direction = from === web ? 'rx' : 'tx';
    const bytes = after[direction].bytes - before[direction].bytes;
    const packets = after[direction].packets - before[direction].packets;
    t.true(bytes / packets > 2 * 1500, `${bytes} octets in ${packets} packets`);
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

/** Sends a file by TCP; gives the SHA-256 of what arrives. */
async function transfer(
  file: string,
  { from, to, address }: { from: Machine; to: Machine; address: string },
): Promise<string> {
  const bound = { timeout: 30_000 };
  const receiver = to.namespace.run(
    'sh',
    ['-c', 'nc -n -l "$0" 4245 </dev/null | sha256sum', address],
    bound,
  );
  await poll(`a listener on ${address}`, async () => {
    return (await to.namespace.run('ss', ['-Hltn', 'sport = :4245'])) !== '';
  });
  await from.namespace.run('sh', ['-c', 'nc -n -N "$0" 4245 <"$1"', address, file], bound);
  return (await receiver).slice(0, 64);
}

interface Counters {
  readonly bytes: number;
  readonly packets: number;
}

async function portCounters({ dom0 }: Lab, port: string): Promise<{ rx: Counters; tx: Counters }> {
  const [link] = JSON.parse(await dom0.namespace.run('ip', ['-j', '-s', 'link', 'show', 'dev', port]));
  return link.stats64;
}
