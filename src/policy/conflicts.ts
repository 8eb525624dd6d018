import { eui64LinkLocal, formatPrefix, type IpPrefix, parsePrefix, prefixContains } from '../address/ip.ts';
import type { MacAddress } from '../address/mac.ts';
import { PrefixSet } from '../address/prefix-set.ts';
import type { GuardPolicy, VirtualRouter } from './guard-policy.ts';
import { derivedLinkLocals, listedIn, macsOf } from './identity.ts';
import { virtualMacs } from './virtual-router.ts';

/** RFC 4291 section 2.5.6. */
const LINK_LOCAL_BLOCK = parsePrefix('fe80::/10');

/** Whose policy it is. */
export interface Owner {
  /** The name of its port. */
  readonly port: string;
  /** Equal for the parts of one guest vif that may be there twice: vif and tap, NAME and NAME--incoming. */
  readonly identity: string;
  /** How messages name it: `web1 (vif1.0)`. */
  readonly label: string;
}

export interface Claim {
  readonly owner: Owner;
  /** The bridge, and its VLAN if it has one; link-local addresses and VRIDs have a meaning in one only. */
  readonly segment: string;
  readonly policy: GuardPolicy;
}

/** Two owners and what both claim: the same MAC, or blocks that share an address. */
export interface Conflict {
  readonly kind: 'mac' | 'address';
  readonly claimant: Owner;
  readonly holder: Owner;
  /** What both claim, as text: each owner's own MAC or block. */
  readonly claimed: string;
  readonly held: string;
}

/** What two claims may have in common. */
interface Shared {
  readonly macs: ReadonlySet<MacAddress>;
  readonly has: (held: IpPrefix) => boolean;
}

/**
 * What a new guest claims that another one already holds, or undefined. Unlisted addresses (`any`)
 * are no claim. Guests that back the same virtual router on one bridge share its MACs and addresses.
 * The link-local addresses a guest gets from its MACs are its own as well. Time grows with what the
 * others hold, times the logarithm of what is claimed.
 */
export function findConflict(claim: Claim, others: Iterable<Claim>): Conflict | undefined {
  const macs = new Set(macsOf(claim.policy));
  const addresses = new PrefixSet(claimedBy(claim.policy));
  for (const other of others) {
    if (other.owner.identity === claim.owner.identity) continue;
    const parties = { claimant: claim.owner, holder: other.owner };
    const shared =
      claim.segment === other.segment ? sharedOnBridge(claim, other) : sharedAcrossBridges(claim);
    const mac = macsOf(other.policy).find((held) => macs.has(held) && !shared.macs.has(held));
    if (mac !== undefined) return { kind: 'mac', ...parties, claimed: mac, held: mac };
    const overlap = firstOverlap(addresses, other.policy, shared);
    if (overlap !== undefined) return { kind: 'address', ...parties, ...overlap };
  }
  return undefined;
}

function firstOverlap(
  claimed: PrefixSet,
  holder: GuardPolicy,
  shared: Shared,
): { claimed: string; held: string } | undefined {
  for (const held of claimedBy(holder)) {
    const overlap = claimed.findOverlap(held);
    if (overlap === undefined || shared.has(held)) continue;
    return { claimed: formatPrefix(overlap), held: formatPrefix(held) };
  }
  return undefined;
}

function sharedOnBridge(a: Claim, b: Claim): Shared {
  const routers = sharedRouters(a.policy, b.policy);
  const macs = routers.flatMap(virtualMacs);
  const prefixes = [...routers.flatMap((router) => router.addresses), ...macs.map(eui64LinkLocal)];
  const addresses = new Set(prefixes.map(formatPrefix));
  return {
    macs: new Set(macs),
    has: (held) => addresses.size > 0 && addresses.has(formatPrefix(held)),
  };
}

function sharedAcrossBridges({ policy }: Claim): Shared {
  return {
    macs: new Set(policy.virtualRouters.flatMap(virtualMacs)),
    has: (held) => prefixContains(LINK_LOCAL_BLOCK, held),
  };
}

/** The virtual routers both back, each with the addresses both give it. */
function sharedRouters(a: GuardPolicy, b: GuardPolicy): VirtualRouter[] {
  return a.virtualRouters.flatMap((router) =>
    b.virtualRouters.filter(({ id }) => id === router.id).map((twin) => intersect(router, twin)),
  );
}

function intersect(router: VirtualRouter, twin: VirtualRouter): VirtualRouter {
  const theirs = new Set(twin.addresses.map(formatPrefix));
  return {
    id: router.id,
    addresses: router.addresses.filter((address) => theirs.has(formatPrefix(address))),
  };
}

/** Listed, or derived from a MAC. */
function claimedBy(policy: GuardPolicy): readonly IpPrefix[] {
  return [...listedIn(policy), ...derivedLinkLocals(policy)];
}
