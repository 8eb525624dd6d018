import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { startLab } from '../lab/lab.ts';
import { MANY_IPV4, MANY_IPV6 } from '../lab/many-addresses.ts';
import { GATEWAY } from '../lab/segment.ts';

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
  [list[0], list[list.length / 2], list.at(-1), other].map(String);
const OWN_BUT_THE_LAST = [true, true, true, false];

for (const backend of BACKENDS) {
  test(`${backend}: a vif with ${MANY_IPV4.length + MANY_IPV6.length} addresses is held to these, the last as the first`, async (t) => {
    const lab = await startLab(t, { backend });
    await lab.writeHostConfig(`domain_configs = [ "${lab.dir}" ]`);
    const guest = await lab.guest({ domid: 1, name: 'web1' });
    const entry = `ip=${[...MANY_IPV4, ...MANY_IPV6].join(' ')}`;
    await lab.writeFile(
      'web1.cfg',
      `name = "web1"\nvif = [ "mac=${guest.mac}" ]\nvifguard = [ "${entry}" ]\n`,
    );
    const { exitCode, stderr, wallTime } = await guest.online();
    t.is(exitCode, 0, stderr);
    t.log(`online in ${Math.round(wallTime)} ms`);
    for (const [build, addresses] of [
      [from4, some(MANY_IPV4, '198.51.100.251')],
      [from6, some(MANY_IPV6, '2001:db8:0:fffe::1')],
    ] as const) {
      const frames = addresses.map((address) => build(guest, address));
      t.deepEqual(await guest.arrivals(frames, [lab.gateway]), [OWN_BUT_THE_LAST]);
    }
    for (const [build, addresses] of [
      [to4, some(MANY_IPV4, '198.51.100.251')],
      [to6, some(MANY_IPV6, '2001:db8:0:fffe::1')],
    ] as const) {
      const frames = addresses.map((address) => build(guest, address));
      t.deepEqual(await guest.arrivals(frames, [guest], lab.gateway.nic), [OWN_BUT_THE_LAST]);
    }
    t.is((await guest.online()).exitCode, 0);
    t.is((await guest.offline()).exitCode, 0);
  });
}
