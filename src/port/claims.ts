import { formatPrefix, type IpPrefix } from '../address/ip.ts';
import { plainDomainName } from '../config/domain-config.ts';
import { InputError } from '../errors.ts';
import { type Claim, findConflict } from '../policy/conflicts.ts';
import { listedIn } from '../policy/identity.ts';
import { rivalKeys } from './index-keys.ts';
import { ownerLabel, type PortRecord, policyOf, type Registry } from './registry.ts';

export interface ClaimCheck {
  readonly registry: Registry;
  /** The port that claims, and its record. */
  readonly port: string;
  readonly record: PortRecord;
  /** Whether a port's device still exists. */
  readonly isThere: (port: string) => Promise<boolean>;
  /** Takes away a port, and gives the registry without it. */
  readonly forget: (port: string) => Promise<Registry>;
}

/**
 * Refuses a port whose MAC or addresses another port's owner holds. A holder that is gone, without an
 * offline that would have said so, holds nothing: it is forgotten.
 *
 * @returns the registry, without those that were forgotten.
 * @throws InputError that names both owners and what both claim.
 */
export async function refuseConflict(check: ClaimCheck): Promise<Registry> {
  const { port, record, isThere, forget } = check;
  let { registry } = check;
  for (;;) {
    const rivals = [...rivalsOf(registry, record)].filter(([name]) => name !== port);
    const conflict = findConflict(claimOf(port, record), lazily(rivals));
    if (conflict === undefined) return registry;
    const { kind, claimed, held, claimant, holder } = conflict;
    if (await isThere(holder.port)) {
      throw new InputError(
        `${claimant.label} may not have ${kind} ${claimed}: ${holder.label} holds ${held}; give one of them another, or detach it`,
      );
    }
    registry = await forget(holder.port);
  }
}

/** What a guest claims. */
export interface HostAddressCheck extends Pick<ClaimCheck, 'port' | 'record'> {
  /** Those of this host: see hostAddresses. */
  readonly addresses: readonly IpPrefix[];
}

/**
 * Refuses a port whose guest is given an address of this host by itself. One within a block is not refused: a guest
 * that makes its own addresses has the block of its segment (RFC 4862), where dom0 is, too.
 *
 * @throws InputError
 */
export function refuseHostAddress({ port, record, addresses }: HostAddressCheck): void {
  const given = new Set(listedIn(policyOf(record)).map(formatPrefix));
  for (const text of addresses.map(formatPrefix)) {
    if (!given.has(text)) continue;
    throw new InputError(
      `${ownerLabel(port, record)} may not have address ${text}: this host itself holds it; give the guest another`,
    );
  }
}

/** The ports that may hold something of what a record claims. */
function rivalsOf({ ports }: Registry, { policy }: PortRecord): ReadonlyMap<string, PortRecord> {
  const keys = rivalKeys(policy);
  return new Map(keys === undefined ? ports : keys.flatMap((key) => [...ports.under(key)]));
}

function* lazily(entries: readonly (readonly [string, PortRecord])[]): Iterable<Claim> {
  for (const [port, record] of entries) yield claimOf(port, record);
}

function claimOf(port: string, record: PortRecord): Claim {
  const policy = policyOf(record);
  const domain = record.domain === undefined ? `domain ${record.domid}` : plainDomainName(record.domain);
  return {
    owner: { port, identity: `${domain}/${record.handle}`, label: ownerLabel(port, record) },
    segment: [record.bridge, ...(policy.vlan === undefined ? [] : [policy.vlan])].join(' VLAN '),
    policy,
  };
}
