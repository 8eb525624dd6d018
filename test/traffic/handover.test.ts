import test from 'ava';
import { vifguard } from '../cli/vifguard.ts';
import { fdb } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping, tcp } from '../lab/traffic.ts';
import { addGuest, bringOnline, droppedFromGuests, startGuarded, startPlanned } from './guarded.ts';

const WEB = { ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41' };
const TARGETS = [GATEWAY.ip, GATEWAY.ip6, DOM0.ip, DOM0.ip6];

/** The targets that a guest reaches, and from which it is reached. */
async function reached({ lab, namespace }: Guest): Promise<string[]> {
  const pings = await Promise.all(TARGETS.map((target) => ping({ namespace }, target)));
  const back = await Promise.all([ping(lab.gateway, WEB.ip), ping(lab.gateway, WEB.ip6)]);
  return back.every(Boolean) ? TARGETS.filter((_, index) => pings[index]) : [];
}

async function addresses(guest: Guest, iface: string): Promise<void> {
  await guest.namespace.ip(
    `link set ${iface} up`,
    `addr add ${WEB.ip}/24 dev ${iface}`,
    `addr add ${WEB.ip6}/64 dev ${iface} nodad`,
  );
}

test('an HVM guest: by the emulated device, then, once that is unplugged, by the paravirtual one', async (t) => {
  const { lab, guests } = await startPlanned(t, { type: 'vif_ioemu' });
  const [guest] = guests;
  // Until its driver comes, the guest does not use the paravirtual device.
  await guest.namespace.ip('link set eth0 down');
  await bringOnline(guest);
  await addresses(guest, 'emu0');
  t.deepEqual(await reached(guest), TARGETS);
  t.true(await tcp(guest, lab.gateway, GATEWAY.ip));
  // QEMU's unplug takes the tap away, without a word to xl, which calls the script when the guest ends.
  await guest.namespace.ip('link delete emu0');
  await addresses(guest, 'eth0');
  t.deepEqual(await reached(guest), TARGETS);
  t.true(await tcp(guest, lab.gateway, GATEWAY.ip6));
  const { exitCode, stdout } = await vifguard(lab, ['check']);
  t.is(exitCode, 0, stdout);
  t.regex(stdout, /^all well: 1 port on 1 bridge/);
  t.regex(
    (await vifguard(lab, ['host', 'up'])).stdout,
    /^vif1\.0-emu: was unplugged; vif1\.0 has \S+ to itself$/,
  );
  t.is((await vifguard(lab, ['host', 'up'])).stdout, 'nothing to do: the host was set up');
  t.deepEqual(await reached(guest), TARGETS);
  t.is((await guest.hotplug('remove').result).exitCode, 0);
  t.deepEqual(await reached(guest), TARGETS);
  t.deepEqual(await droppedFromGuests(lab), {});
});

test('live migration within the host: the source has its network back when it fails, else its successor has it', async (t) => {
  const { lab, guests } = await startGuarded(t, { name: 'web' });
  const [source] = guests;
  const incoming = async (domid: number) => {
    const guest = await addGuest(lab, domid, {
      name: 'web--incoming',
      mac: source.mac,
      ip: source.vif.ip,
    });
    // Both stand still by now: libxl makes a domain's devices when its memory has come over.
    await guest.namespace.ip('link set eth0 down');
    await bringOnline(guest);
    return guest;
  };
  t.deepEqual(await reached(source), TARGETS);
  const failed = await incoming(2);
  t.is((await failed.offline()).exitCode, 0);
  t.deepEqual(await reached(source), TARGETS, 'after a migration that failed');
  const successor = await incoming(3);
  await source.namespace.ip('link set eth0 down');
  await addresses(successor, 'eth0');
  t.is((await source.offline()).exitCode, 0);
  t.deepEqual(await reached(successor), TARGETS, 'the successor');
  const entries = (await fdb(lab.dom0.namespace)).filter(({ mac }) => mac === source.mac);
  t.deepEqual(
    entries.filter(({ master }) => master === 'xenbr0').map(({ ifname, state }) => [ifname, state]),
    [['vif3.0', 'static']],
  );
  t.deepEqual(await droppedFromGuests(lab), {});
});
