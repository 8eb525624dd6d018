import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { startLab } from '../lab/lab.ts';
import { GATEWAY } from '../lab/segment.ts';

/** Of each family. */
const MANY = 500;

/** A thousand addresses, every other one, so that no two make a prefix. */
const IPV4 = Array.from({ length: MANY }, (_, i) => `${i % 2 ? '198.51.100' : '203.0.113'}.${i >> 1}`);
const IPV6 = Array.from({ length: MANY }, (_, i) => `2001:db8:0:ffff::${(2 * i).toString(16)}`);

const datagram = () => f.udp({ srcPort: 9, dstPort: 9 }, f.marker());

const from4 = ({ mac }: Guest, src: string) =>
  f.ethernet({ src: mac, dst: GATEWAY.mac }, f.ipv4({ src, dst: GATEWAY.ip }, datagram()));
const from6 = ({ mac }: Guest, src: string) =>
  f.ethernet({ src: mac, dst: GATEWAY.mac }, f.ipv6({ src, dst: GATEWAY.ip6 }, datagram()));
const to4 = ({ mac }: Guest, dst: string) =>
  f.ethernet({ src: GATEWAY.mac, dst: mac }, f.ipv4({ src: GATEWAY.ip, dst }, datagram()));
const to6 = ({ mac }: Guest, dst: string) =>
  f.ethernet({ src: GATEWAY.mac, dst: mac }, f.ipv6({ src: GATEWAY.ip6, dst }, datagram()));

/** The first, one of the middle, the last; and one that is not the guest's. */
const some = (list: readonly string[], other: string) =>
  [list[0], list[MANY / 2], list[MANY - 1], other].map(String);
const OWN_BUT_THE_LAST = [true, true, true, false];

for (const backend of BACKENDS) {
  test(`${backend}: a vif with ${2 * MANY} addresses is held to these, the last as the first`, async (t) => {
    const lab = await startLab(t, { backend });
    await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]`);
    const guest = await lab.guest({ domid: 1, name: 'web1' });
    const entry = `ip=${[...IPV4, ...IPV6].join(' ')}`;
    await lab.writeFile(
      'web1.cfg',
      `name = "web1"\nvif = [ "mac=${guest.mac}" ]\nvifguard = [ "${entry}" ]\n`,
    );
    const { exitCode, stderr, wallTime } = await guest.online();
    t.is(exitCode, 0, stderr);
    t.log(`online in ${Math.round(wallTime)} ms`);
    for (const [build, addresses] of [
      [from4, some(IPV4, '198.51.100.251')],
      [from6, some(IPV6, '2001:db8:0:ffff::1')],
    ] as const) {
      const frames = addresses.map((address) => build(guest, address));
      t.deepEqual(await guest.arrivals(frames, [lab.gateway]), [OWN_BUT_THE_LAST]);
    }
    for (const [build, addresses] of [
      [to4, some(IPV4, '198.51.100.251')],
      [to6, some(IPV6, '2001:db8:0:ffff::1')],
    ] as const) {
      const frames = addresses.map((address) => build(guest, address));
      t.deepEqual(await guest.arrivals(frames, [guest], lab.gateway.nic), [OWN_BUT_THE_LAST]);
    }
    t.is((await guest.online()).exitCode, 0);
    t.is((await guest.offline()).exitCode, 0);
  });
}
