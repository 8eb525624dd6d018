import { Namespace } from '../lab/netns.ts';
import type { Host } from '../lab/segment.ts';

/** A network of MTU 1400 behind a router, with a host in it; the router has the first address there. */
export async function networkBehind(router: Namespace, host: Pick<Host, 'ip' | 'ip6'>): Promise<Namespace> {
  const namespace = await Namespace.start(`the host behind ${router.name}`);
  // Addresses end in 2.
  const first = (address: string) => address.replace(/2$/, '1');
  await router.ip(
    `link add inner mtu 1400 type veth peer name eth0 mtu 1400 netns ${namespace.pid}`,
    `addr add ${first(host.ip)}/24 dev inner`,
    `addr add ${first(host.ip6)}/64 dev inner nodad`,
    'link set inner up',
  );
  await namespace.ip(
    `addr add ${host.ip}/24 dev eth0`,
    `addr add ${host.ip6}/64 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via ${first(host.ip)}`,
    `route add default via ${first(host.ip6)}`,
  );
  await router.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  return namespace;
}
