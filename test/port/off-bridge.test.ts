import anyTest, { type ExecutionContext } from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import { guardedGuest, useDomainConfigs, vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import { neighbours, routes } from '../lab/effects.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Nic } from '../lab/nic.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';
import { startWatcher } from '../watch/watcher.ts';

const test = anyTest.serial;

/** dom0's own, wherever its bridges are. */
const DOM0 = { ip: '198.51.100.1', ip6: '2001:db8:1::1' };
/** netback's MAC for the device, and the link-local address that the kernel makes of it. */
const DEVICE = { mac: 'fe:ff:ff:ff:ff:ff', ip6: 'fe80::fcff:ffff:feff:ffff' };
const ADDRESSES = '192.0.2.41 2001:db8:0:ffff::41';
const LINK_LOCAL = 'fe80::216:3eff:fe00:100';

async function startHost(t: ExecutionContext, backend: BackendName): Promise<Lab> {
  const lab = await startLab(t, { backend });
  await useDomainConfigs(lab);
  await lab.dom0.namespace.ip(`addr add ${DOM0.ip}/32 dev lo`, `addr add ${DOM0.ip6}/128 dev lo`);
  await lab.dom0.namespace.run('sysctl', ['-qw', 'net.ipv4.conf.all.rp_filter=0']);
  return lab;
}

const startGuarded = async (t: ExecutionContext, backend: BackendName) =>
  await guardedGuest(await startHost(t, backend), { domid: 1, name: 'web1', ip: ADDRESSES }, 'dom0=none');

/** What dom0 has taken from a guest that speaks to its port as to a network. */
async function takenByDom0(guest: Guest): Promise<string[]> {
  const { namespace } = guest.lab.dom0;
  await namespace.run('sysctl', ['-qw', `net/ipv4/conf/${guest.device}/rp_filter=0`]);
  const before = await echoes(guest.lab);
  const src = guest.mac;
  const echo = (to: string, from: string) =>
    f.ethernet(
      { src, dst: DEVICE.mac },
      to.includes(':')
        ? f.ipv6({ src: from, dst: to }, f.icmpv6EchoRequest(f.marker()))
        : f.ipv4({ src: from, dst: to }, f.icmpEchoRequest(f.marker())),
    );
  const [ip = '', ip6 = ''] = ADDRESSES.split(' ');
  const router = f.routerAdvertisement({}, f.sourceLinkLayer(src));
  const request = f.arp({ op: f.ARP_REQUEST, senderMac: src, senderIp: ip, targetIp: DOM0.ip });
  const capture = await new Nic(namespace, guest.device).capture();
  const last = Buffer.from(f.marker());
  await guest.send(
    echo(DOM0.ip, ip),
    echo(DOM0.ip6, ip6),
    echo(DEVICE.ip6, LINK_LOCAL),
    f.ethernet(
      { src, dst: '33:33:00:00:00:01' },
      f.ipv6({ src: LINK_LOCAL, dst: 'ff02::1', hopLimit: 255 }, router),
    ),
    f.ethernet({ src, dst: f.BROADCAST }, request),
    f.ethernet({ src, dst: DEVICE.mac, trailer: last }, request),
  );
  await capture.waitFor((frame) => Buffer.from(frame).includes(last), 0);
  const after = await echoes(guest.lab);
  const learned = (await neighbours(namespace)).some(({ dst, dev }) => dst === ip && dev === guest.device);
  const routed = (await routes(namespace)).some(({ gateway }) => gateway === LINK_LOCAL);
  return [
    ...(after.ipv4 > before.ipv4 ? ['IPv4'] : []),
    ...(after.ipv6 > before.ipv6 ? [`IPv6: ${after.ipv6 - before.ipv6}`] : []),
    ...(routed ? ['a route'] : []),
    ...(learned ? ['ARP'] : []),
  ];
}

/** How many echo requests dom0's own stack has had. */
async function echoes({ dom0 }: Lab): Promise<{ ipv4: number; ipv6: number }> {
  const output = await dom0.namespace.run('nstat', ['-asz', 'IcmpInEchos', 'Icmp6InEchos']);
  const count = (name: string) => Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(output)?.[1]);
  return { ipv4: count('IcmpInEchos'), ipv6: count('Icmp6InEchos') };
}

const LOSSES: Readonly<Record<string, string>> = {
  'its bridge is deleted': 'ip link delete xenbr0',
  'it is taken off its bridge': 'ip link set vif1.0 nomaster',
};

test('a control: dom0 takes what comes from a port that is on no bridge', async (t) => {
  const guest = await (await startHost(t, 'xtables')).guest({ domid: 1, name: 'web1', ip: ADDRESSES });
  await guest.onlineUnguarded();
  await guest.lab.dom0.namespace.ip('link delete xenbr0');
  t.deepEqual(await takenByDom0(guest), ['IPv4', 'IPv6: 2', 'a route', 'ARP']);
});

for (const backend of BACKENDS) {
  for (const [loss, command] of Object.entries(LOSSES)) {
    test(`${backend}: dom0 takes nothing from a guarded port when ${loss}`, async (t) => {
      const guest = await startGuarded(t, backend);
      await guest.lab.dom0.namespace.run('sh', ['-ec', command]);
      t.deepEqual(await takenByDom0(guest), []);
    });
  }

  test(`${backend}: a bridge that is deleted and made again has its guests again, by the watch`, async (t) => {
    const guest = await startGuarded(t, backend);
    const { lab } = guest;
    await guest.configureAddresses();
    const watcher = await startWatcher(lab);
    await lab.dom0.namespace.ip('link delete xenbr0');
    await watcher.quiet(300);
    await lab.dom0.namespace.ip('link add xenbr0 type bridge', 'link set uplink0 master xenbr0');
    await lab.dom0.namespace.ip('link set xenbr0 up');
    await watcher.said(/^vif1\.0: was taken off xenbr0; is on it again/);
    for (const address of [GATEWAY.ip, GATEWAY.ip6]) t.true(await ping(guest, address), address);
    const { exitCode, stdout } = await vifguard(lab, ['check']);
    t.is(exitCode, 0, stdout);
  });
}

for (const backend of BACKENDS) {
  for (const pinned of [false, true]) {
    const before = pinned ? 'host up, then ' : '';
    test(`${backend}: ${before}another device with the name of a bridge that is gone: all of it goes, and well`, async (t) => {
      const lab = await startHost(t, backend);
      const expectWell = async (...args: string[]) => {
        const { exitCode, stdout, stderr } = await vifguard(lab, args);
        t.is(exitCode, 0, `${args.join(' ')}: ${stdout}${stderr}`);
      };
      if (pinned) await expectWell('host', 'up');
      const guest = await guardedGuest(lab, { domid: 1, name: 'web1', ip: ADDRESSES });
      await lab.dom0.namespace.ip('link delete xenbr0', 'link add link uplink0 name xenbr0 type macvlan');
      const { exitCode, stderr } = await guest.offline();
      t.is(exitCode, 0, stderr);
      await guest.forget();
      await expectWell('check');
      if (pinned) await expectWell('host', 'down');
      await expectWell('check');
    });
  }
}

test('nothing of it stays on a device that its guest keeps', async (t) => {
  const lab = await startHost(t, 'xtables');
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: ADDRESSES });
  const device = async () => {
    const { links = [] } = await lab.residue();
    return links.filter((line) => line.startsWith('vif1.0:')).map((line) => line.replace(/ qdisc \w+/, ''));
  };
  const before = await device();
  t.is((await guest.online()).exitCode, 0);
  t.notDeepEqual(await device(), before);
  t.is((await guest.offline({ device: 'present' })).exitCode, 0);
  t.deepEqual(await device(), before);
});
