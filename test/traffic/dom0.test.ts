import test from 'ava';
import { startLab } from '../lab/lab.ts';
import { DOM0, GATEWAY } from '../lab/segment.ts';
import { ping, tcp, udp } from '../lab/traffic.ts';
import { addGuest, bringOnline, droppedFromGuests, guard, startGuarded } from './guarded.ts';

/** A dom0 with Docker: nothing is forwarded but what it knows, connections are tracked, sources rewritten. */
const DOCKER = `
iptables -P FORWARD DROP
ip6tables -P FORWARD DROP
for tables in iptables ip6tables; do
  $tables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  $tables -t nat -A POSTROUTING -j MASQUERADE
done
`;

test('dom0’s own firewall, connection tracking and NAT leave bridged traffic alone', async (t) => {
  const { lab, guests } = await startGuarded(t, { directives: 'peers=open' }, { directives: 'peers=open' });
  const [web, peer] = guests;
  await lab.dom0.namespace.run('sh', ['-ec', DOCKER]);
  const routes = [
    { from: web, to: lab.gateway, ip: GATEWAY.ip, ip6: GATEWAY.ip6 },
    { from: lab.gateway, to: web, ip: '192.0.2.41', ip6: '2001:db8:0:ffff::41' },
    { from: web, to: peer, ip: '192.0.2.42', ip6: '2001:db8:0:ffff::42' },
    { from: web, to: lab.dom0, ip: DOM0.ip, ip6: DOM0.ip6 },
  ];
  for (const { from, to, ip, ip6 } of routes) {
    for (const address of [ip, ip6]) {
      t.true(await ping(from, address), address);
      t.true(await ping(from, address, { size: 4000 }), `${address}, fragments`);
      t.true(await tcp(from, to, address), `${address}, TCP`);
      t.true(await udp(from, to, address, { size: 8000 }), `${address}, UDP in fragments`);
    }
  }
  t.deepEqual(await droppedFromGuests(lab), {});
});

const SECOND = { ip: '198.51.100.5', ip6: '2001:db8:5::5' };
const SECOND_DOM0 = { ip: '198.51.100.1', ip6: '2001:db8:5::1' };

test('dom0 routes between guests of two bridges, with NAT and without', async (t) => {
  const lab = await startLab(t, { bridges: ['xenbr0', 'xenbr1'] });
  const web = await addGuest(lab, 1, {});
  const other = await addGuest(lab, 2, { bridge: 'xenbr1', ip: `${SECOND.ip} ${SECOND.ip6}` });
  await guard(web);
  await bringOnline(other);
  await other.namespace.ip(`addr add ${SECOND.ip}/24 dev eth0`, `addr add ${SECOND.ip6}/64 dev eth0`);
  await other.addressesSettled();
  const { namespace } = lab.dom0;
  await namespace.ip(
    `addr add ${SECOND_DOM0.ip}/24 dev xenbr1`,
    `addr add ${SECOND_DOM0.ip6}/64 dev xenbr1 nodad`,
  );
  await namespace.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  await web.namespace.ip(
    `route add 198.51.100.0/24 via ${DOM0.ip}`,
    `route add 2001:db8:5::/64 via ${DOM0.ip6}`,
  );
  await other.namespace.ip(
    `route add 192.0.2.0/24 via ${SECOND_DOM0.ip}`,
    `route add 2001:db8:0:ffff::/64 via ${SECOND_DOM0.ip6}`,
  );
  const works = async (how: string) => {
    for (const address of [SECOND.ip, SECOND.ip6]) {
      t.true(await ping(web, address, { size: 4000 }), `${address}, ${how}`);
      t.true(await tcp(web, other, address), `TCP to ${address}, ${how}`);
    }
  };
  await works('routed');
  for (const tables of ['iptables', 'ip6tables']) {
    await namespace.run(tables, ['-t', 'nat', '-A', 'POSTROUTING', '-o', 'xenbr1', '-j', 'MASQUERADE']);
  }
  await other.namespace.ip('route del 192.0.2.0/24', 'route del 2001:db8:0:ffff::/64');
  await works('behind NAT');
  t.deepEqual(await droppedFromGuests(lab), {});
});
