import { formatPrefix, type IpFamily, type IpPrefix, parsePrefix } from '../address/ip.ts';
import { type MacAddress, parseMac } from '../address/mac.ts';
import { quote } from '../address/quote.ts';
import { describeError, InputError } from '../errors.ts';
import type { AddressSet, GuardPolicy, VirtualRouter } from './guard-policy.ts';
import { parseVirtualRouter } from './virtual-router.ts';
import { parseVlan } from './vlan.ts';
import { DOM0_ACCESS, LINK_LOCAL, MODES, PEERS, parseWord, ROLES } from './vocabulary.ts';

/** A GuardPolicy in plain JSON, as the state file holds it; addresses are text. */
export interface PolicyJson {
  readonly mode: string;
  readonly mac: string;
  readonly extraMacs: readonly string[];
  readonly ipv4: 'any' | readonly string[];
  readonly ipv6: 'any' | readonly string[];
  readonly linkLocal: string;
  readonly dhcp: boolean;
  readonly peers: string;
  readonly dom0: string;
  readonly roles: readonly string[];
  readonly vlan?: number;
  readonly virtualRouters: readonly { readonly id: number; readonly addresses: readonly string[] }[];
}

export function policyToJson(policy: GuardPolicy): PolicyJson {
  return {
    ...policy,
    ipv4: formatSet(policy.ipv4),
    ipv6: formatSet(policy.ipv6),
    virtualRouters: policy.virtualRouters.map(({ id, addresses }) => ({
      id,
      addresses: addresses.map(formatPrefix),
    })),
  };
}

function formatSet(set: AddressSet): 'any' | string[] {
  return set === 'any' ? 'any' : set.map(formatPrefix);
}

/**
 * Reads back what policyToJson wrote.
 *
 * @throws InputError that names the field, for anything that is not a complete and valid policy.
 */
export function policyFromJson(json: unknown): GuardPolicy {
  if (typeof json !== 'object' || json === null) throw new InputError('the stored policy is not an object');
  const fields = new Map<string, unknown>(Object.entries(json));
  const read = <Value>(name: string, decode: (value: unknown) => Value): Value => {
    try {
      return decode(fields.get(name));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`stored policy, field ${name}: ${describeError(error)}`, { cause: error });
    }
  };
  const vlan = read('vlan', decodeVlan);
  return {
    mode: read('mode', (value) => parseWord(text(value), MODES)),
    mac: read('mac', decodeMac),
    extraMacs: read('extraMacs', (value) => array(value).map(decodeMac)),
    ipv4: read('ipv4', (value) => decodeSet(value, 4)),
    ipv6: read('ipv6', (value) => decodeSet(value, 6)),
    linkLocal: read('linkLocal', (value) => parseWord(text(value), LINK_LOCAL)),
    dhcp: read('dhcp', flag),
    peers: read('peers', (value) => parseWord(text(value), PEERS)),
    dom0: read('dom0', (value) => parseWord(text(value), DOM0_ACCESS)),
    roles: read('roles', (value) => array(value).map((role) => parseWord(text(role), ROLES))),
    ...(vlan === undefined ? {} : { vlan }),
    virtualRouters: read('virtualRouters', (value) => array(value).map(decodeRouter)),
  };
}

function decodeMac(value: unknown): MacAddress {
  return parseMac(text(value));
}

function decodeSet(value: unknown, family: IpFamily): AddressSet {
  return value === 'any' ? 'any' : array(value).map((item) => decodePrefix(item, family));
}

function decodePrefix(value: unknown, family: IpFamily): IpPrefix {
  const prefix = parsePrefix(text(value));
  if (prefix.family === family) return prefix;
  throw new InputError(`${quote(text(value))} is not an IPv${family} address`);
}

function decodeRouter(value: unknown): VirtualRouter {
  if (typeof value !== 'object' || value === null || !('id' in value) || !('addresses' in value)) {
    throw new InputError('a virtual router has an id and addresses');
  }
  return parseVirtualRouter([decodeVrid(value.id), ...array(value.addresses).map(text)]);
}

function decodeVlan(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return parseVlan(String(value));
  throw new InputError(`VLAN ${show(value)} should be a number`);
}

function decodeVrid(value: unknown): string {
  if (typeof value === 'number') return String(value);
  throw new InputError(`VRID ${show(value)} should be a number`);
}

/** A value quoted for a message; nothing of an object, whose toString is not to be trusted. */
function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : quote(String(value));
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new InputError(`${show(value)} should be text`);
}

function flag(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new InputError(`${show(value)} should be true or false`);
}

function array(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new InputError(`${show(value)} should be an array`);
}

/** Half of what one xenstore message holds (XENSTORE_PAYLOAD_MAX, xs_wire.h), path included. */
const LONGEST_VALUE = 2048;

/**
 * The policy as keys and values to publish below a vif's backend path: lists are words between
 * blanks, and a list that does not fit into one xenstore value ends in `+N more`. No addresses are an empty list.
 * `extra-mac`, `role`, `vlan` and `vrrp`, which few guests have, are left out when empty, as each write takes time.
 */
export function policyToXenstore(policy: GuardPolicy): Record<string, string> {
  const virtualRouters = policy.virtualRouters.map(({ id, addresses }) =>
    [id, ...addresses.map(formatPrefix)].join(','),
  );
  const rare = {
    'extra-mac': joinWords(policy.extraMacs),
    role: joinWords(policy.roles),
    vlan: policy.vlan === undefined ? '' : String(policy.vlan),
    vrrp: joinWords(virtualRouters),
  };
  return {
    mode: policy.mode,
    mac: policy.mac,
    ipv4: joinSet(policy.ipv4),
    ipv6: joinSet(policy.ipv6),
    'link-local': policy.linkLocal,
    dhcp: policy.dhcp ? 'on' : 'off',
    peers: policy.peers,
    dom0: policy.dom0,
    ...Object.fromEntries(Object.entries(rare).filter(([, value]) => value !== '')),
  };
}

function joinSet(set: AddressSet): string {
  return set === 'any' ? 'any' : joinWords(set.map(formatPrefix));
}

function joinWords(words: readonly string[]): string {
  const whole = words.join(' ');
  if (whole.length <= LONGEST_VALUE) return whole;
  const shown = whole.slice(0, whole.lastIndexOf(' ', LONGEST_VALUE)).split(' ');
  return `${shown.join(' ')} +${words.length - shown.length} more`;
}
