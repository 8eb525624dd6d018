import test from 'ava';
import { bridgeAlone, filterAlone, guard, startCast } from './cast.ts';
import {
  DISGUISED_PEER_DHCP,
  FLOODED,
  FOR_GUEST,
  FOREIGN_FRAMES,
  NOT_FOR_GUEST,
  PEER_SPEAKERS,
} from './catalogue/to-guest.ts';
import { expectAllowed, expectArrivals, expectDrops, proveAttacks } from './prove.ts';

test('flooded unicast, by the filter alone', proveAttacks, FLOODED, {
  direction: 'to',
  prepare: filterAlone,
});

test(
  'flooded unicast, by the bridge alone',
  proveAttacks,
  FLOODED.map((attack) => ({ ...attack, reason: 'kernel' as const })),
  { direction: 'to', prepare: bridgeAlone },
);

test('what is for other addresses', proveAttacks, NOT_FOR_GUEST, { direction: 'to' });

test('VLAN tags, LLC and ethertypes, to the guest', proveAttacks, FOREIGN_FRAMES, { direction: 'to' });

test('a port that vifguard does not know speaks for the network', proveAttacks, PEER_SPEAKERS, {
  direction: 'to',
});

test('a port that the host config does not trust speaks for the network', async (t) => {
  const cast = await startCast(t);
  const { lab, guest, neighbour } = cast;
  await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]\nuntrusted_ports = [ "tap7" ]\n`);
  await Promise.all([guest.onlineUnguarded(), neighbour.onlineUnguarded()]);
  const device = neighbour.device;
  await lab.dom0.namespace.ip(`link set ${device} down`, `link set ${device} name tap7`, 'link set tap7 up');
  await expectArrivals(t, cast, PEER_SPEAKERS);
  await guard(guest);
  await expectDrops(t, cast, PEER_SPEAKERS, 'to');
});

test(
  'a DHCP answer of such a port where only some clients look for it, by nftables',
  proveAttacks,
  DISGUISED_PEER_DHCP,
  {
    direction: 'to',
    lab: { backend: 'nftables' },
  },
);

test('an unlocked guest speaks for the network', async (t) => {
  const cast = await startCast(t, { neighbour: { directives: 'mode=unlocked' } });
  await guard(cast.guest);
  await guard(cast.neighbour);
  await expectDrops(t, cast, PEER_SPEAKERS, 'to');
});

test('what the guest needs arrives', async (t) => {
  const cast = await startCast(t);
  await cast.neighbour.onlineUnguarded();
  await guard(cast.guest);
  await expectAllowed(t, cast, FOR_GUEST);
});
