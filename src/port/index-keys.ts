import {
  eui64LinkLocal,
  formatPrefix,
  type IpPrefix,
  isHost,
  parsePrefix,
  prefixAround,
} from '../address/ip.ts';
import { parseMac } from '../address/mac.ts';
import type { PolicyJson } from '../policy/serialize.ts';
import { restrictsDom0 } from '../rules/to-dom0.ts';
import type { PortRecord } from './registry.ts';

/** The ports whose frames to dom0 are judged. */
export const RESTRICTED = 'restricted';

/** The ports that may have an address in common with any other port. */
const WIDE = 'wide';

/** The length of a bucket: blocks that overlap lie in one bucket, or one of them is wider than that. */
const BUCKET = { 4: 24, 6: 64 } as const;

/** The bucket of the link-local addresses that guests get from their MACs, which are indexed as addresses only. */
const LINK_LOCAL = 'fe80::/64';

/** More addresses than these are looked up by their buckets. */
const MANY = 64;

export const backendKey = (path: string): string => `backend=${path}`;
export const deviceKey = (index: number): string => `device=${index}`;
export const bridgeKey = (name: string): string => `bridge=${name}`;
export const macKey = (mac: string): string => `mac=${mac}`;

/** The keys that a port is indexed under: for all that an event has to look up among the others. */
export function indexKeys({ index, backendPath, bridge, policy }: PortRecord): readonly string[] {
  const { addresses, blocks, buckets, isWide } = placesOf(policy);
  const keys = [
    ...(index === undefined ? [] : [deviceKey(index)]),
    backendKey(backendPath),
    bridgeKey(bridge),
    ...macsOf(policy).map(macKey),
    ...addresses.map(({ text }) => `address=${text}`),
    ...blocks.map((bucket) => `block=${bucket}`),
    ...buckets.map((bucket) => `near=${bucket}`),
    ...(isWide ? [WIDE] : []),
    ...(restrictsDom0(policy) ? [RESTRICTED] : []),
  ];
  return [...new Set(keys)];
}

/**
 * The keys under which every port is that may hold a MAC or address that a policy claims; undefined when
 * any port may.
 */
export function rivalKeys(policy: PolicyJson): readonly string[] | undefined {
  const { addresses, blocks, isWide } = placesOf(policy);
  if (isWide || blocks.includes(LINK_LOCAL)) return undefined;
  const keys = [
    ...macsOf(policy).map(macKey),
    ...addresses.flatMap(({ text, bucket }) => [`address=${text}`, `block=${bucket}`]),
    ...blocks.map((bucket) => `near=${bucket}`),
    WIDE,
  ];
  return [...new Set(keys)];
}

/** Where a policy's addresses lie. */
interface Places {
  /** Single addresses, those from the MACs among them. */
  readonly addresses: readonly { readonly text: string; readonly bucket: string }[];
  /** The buckets of blocks. */
  readonly blocks: readonly string[];
  /** The buckets of everything listed. */
  readonly buckets: readonly string[];
  /** Whether a block is wider than a bucket. */
  readonly isWide: boolean;
}

function placesOf(policy: PolicyJson): Places {
  const { ipv4, ipv6 } = policy;
  const listed = [ipv4, ipv6].flatMap((set) => (set === 'any' ? [] : set));
  const places = listed.map((text) => ({ text, ...placeOf(parsePrefix(text), listed.length) }));
  const derived = macsOf(policy).map((mac) => {
    return { text: formatPrefix(eui64LinkLocal(parseMac(mac))), bucket: LINK_LOCAL };
  });
  const narrow = places.flatMap(({ bucket, ...place }) =>
    bucket === undefined ? [] : [{ ...place, bucket }],
  );
  const bucketsOf = (some: typeof narrow) => [...new Set(some.map(({ bucket }) => bucket))];
  return {
    addresses: [...narrow.filter(({ isSingle }) => isSingle), ...derived],
    blocks: bucketsOf(narrow.filter(({ isSingle }) => !isSingle)),
    buckets: bucketsOf(narrow),
    isWide: narrow.length < places.length,
  };
}

function placeOf(prefix: IpPrefix, count: number) {
  const length = BUCKET[prefix.family];
  const bucket = prefix.length < length ? undefined : formatPrefix(prefixAround(prefix, length));
  return { bucket, isSingle: isHost(prefix) && count <= MANY };
}

function macsOf({ mac, extraMacs }: PolicyJson): readonly string[] {
  return [mac, ...extraMacs];
}
