import fc from 'fast-check';
import { DOM0_ACCESS, LINK_LOCAL, MODES, PEERS } from '../../src/policy/vocabulary.ts';
import { extraMac, guestPrefixes, guestStation, VIRTUAL_ROUTER } from './stations.ts';

/** What is written about a vif: its spec's `ip=`, and its entry of `vifguard = [ ... ]`. */
export interface WrittenPolicy {
  readonly ip: string | undefined;
  readonly directives: string;
}

/** Every mode, role and list, for one guest; mostly locked, as there is little to judge otherwise. */
export function writtenPolicy(domid: number): fc.Arbitrary<WrittenPolicy> {
  const { ip, ip6 } = guestStation(domid);
  const addresses = fc.oneof(
    { weight: 3, arbitrary: fc.constant(`${ip} ${ip6}`) },
    { weight: 4, arbitrary: fc.subarray([ip, ip6, ...guestPrefixes(domid)]).map((list) => list.join(' ')) },
    { weight: 1, arbitrary: fc.constantFrom('any', '', undefined) },
  );
  const mostly = <Value>(usual: Value, values: readonly Value[]) =>
    fc.oneof(
      { weight: 2, arbitrary: fc.constant(usual) },
      { weight: 3, arbitrary: fc.constantFrom(...values) },
    );
  const directives = fc.record({
    mode: fc.oneof(
      { weight: 10, arbitrary: fc.constant('locked' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...MODES) },
    ),
    dhcp: mostly('on', ['on', 'off']),
    peers: mostly('open', PEERS),
    dom0: mostly('allow', DOM0_ACCESS),
    'link-local': mostly('eui64', LINK_LOCAL),
    mac: mostly(undefined, [undefined, extraMac(domid)]),
    role: mostly(undefined, [undefined, 'router', 'dhcp-server', 'router dhcp-server']),
    vrrp: mostly(undefined, [undefined, `51 ${VIRTUAL_ROUTER.ip} ${VIRTUAL_ROUTER.ip6}`]),
  });
  return fc.record({ ip: addresses, directives: directives.map(join) });
}

function join(directives: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(directives).filter(([, value]) => value !== undefined);
  return given.map(([key, value]) => `${key}=${value}`).join(',');
}
