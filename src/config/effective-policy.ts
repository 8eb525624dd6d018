import type { IpFamily, IpPrefix } from '../address/ip.ts';
import { formatPrefix } from '../address/ip.ts';
import { parseMac } from '../address/mac.ts';
import { readKey } from '../errors.ts';
import type { AddressSet, GuardPolicy, Mode, VirtualRouter } from '../policy/guard-policy.ts';
import { parseAddressSet } from '../policy/guest-address.ts';
import { virtualMacs } from '../policy/virtual-router.ts';
import { parseVlan } from '../policy/vlan.ts';
import type { Directives } from './directives.ts';
import type { PolicyDefaults } from './host-config.ts';
import { splitWords } from './vif-spec.ts';

/** The keys of a vif's backend path that decide its policy, as they stand in xenstore. */
export interface VifSpecFields {
  readonly mac: string;
  readonly ip?: string | undefined;
  readonly vlan?: string | undefined;
}

export interface PolicySources {
  /** The backend path, for messages: `/local/domain/0/backend/vif/1/0`. */
  readonly path: string;
  readonly vif: VifSpecFields;
  readonly directives: Directives;
  readonly defaults: PolicyDefaults;
}

/**
 * The policy of one vif, complete. Its addresses are those of the vif's own `ip=` and of the
 * domain's directives together; `any` in either is every address, and where neither says anything
 * the mode decides: unlocked is any, locked and disabled are none. What xenstore says of its VLAN goes
 * before the directives.
 *
 * @throws InputError that quotes the xenstore path and the value it cannot use.
 */
export function effectivePolicy({ path, vif, directives, defaults }: PolicySources): GuardPolicy {
  const mac = readKey(`${path}/mac`, () => parseMac(vif.mac));
  const { extraMacs = [], roles = [], virtualRouters = [], ...chosen } = directives;
  const mode = chosen.mode ?? defaults.mode;
  const vlan = readVlan(path, vif.vlan) ?? chosen.vlan;
  const addresses = joinAddresses(mode, [readIp(path, vif.ip), chosen.ip]);
  return {
    mode,
    mac,
    extraMacs: unique([...extraMacs, ...virtualRouters.flatMap(virtualMacs)]).filter(
      (extra) => extra !== mac,
    ),
    ipv4: addressesOf(4, addresses, virtualRouters),
    ipv6: addressesOf(6, addresses, virtualRouters),
    linkLocal: chosen.linkLocal ?? defaults.linkLocal,
    dhcp: chosen.dhcp ?? defaults.dhcp,
    peers: chosen.peers ?? defaults.peers,
    dom0: chosen.dom0 ?? defaults.dom0,
    roles: unique([...roles, ...(virtualRouters.length > 0 ? (['vrrp'] as const) : [])]),
    ...(vlan === undefined ? {} : { vlan }),
    virtualRouters,
  };
}

function readVlan(path: string, vlan: string | undefined): number | undefined {
  return vlan === undefined || vlan === '' ? undefined : readKey(`${path}/vlan`, () => parseVlan(vlan));
}

function readIp(path: string, ip: string | undefined): AddressSet | undefined {
  return ip === undefined ? undefined : readKey(`${path}/ip`, () => parseAddressSet(splitWords(ip)));
}

function joinAddresses(mode: Mode, sets: readonly (AddressSet | undefined)[]): AddressSet {
  const given = sets.filter((set) => set !== undefined);
  if (given.includes('any') || (given.length === 0 && mode === 'unlocked')) return 'any';
  return given.flatMap((set) => (set === 'any' ? [] : set));
}

function addressesOf(family: IpFamily, own: AddressSet, routers: readonly VirtualRouter[]): AddressSet {
  if (own === 'any') return 'any';
  const all = [...own, ...routers.flatMap(({ addresses }) => addresses)];
  return uniquePrefixes(all.filter((prefix) => prefix.family === family));
}

function uniquePrefixes(prefixes: readonly IpPrefix[]): IpPrefix[] {
  return [...new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix])).values()];
}

function unique<Item>(items: readonly Item[]): Item[] {
  return [...new Set(items)];
}
