import { eui64LinkLocal, formatPrefix } from '../address/ip.ts';
import { parseMac } from '../address/mac.ts';
import { plainDomainName } from '../config/domain-config.ts';
import { InputError } from '../errors.ts';
import { type Claim, findConflict } from '../policy/conflicts.ts';
import type { PolicyJson } from '../policy/serialize.ts';
import { ownerLabel, type PortRecord, policyOf, type Registry } from './registry.ts';

export interface ClaimCheck {
  readonly registry: Registry;
  /** The port that claims, and its record. */
  readonly port: string;
  readonly record: PortRecord;
  /** Whether a port still exists. */
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
    const others = Object.entries(registry.ports).filter(([name]) => name !== port);
    const mayOverlap = overlapTest(record.policy);
    const near = others.filter(([, other]) => mayOverlap(other.policy));
    const conflict = findConflict(claimOf(port, record), lazily(near));
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

/** A cheap test on text that spares decoding the policies of thousands of ports. */
function overlapTest(claim: PolicyJson): (other: PolicyJson) => boolean {
  const listed = textsOf(claim);
  // A block, or an address that may be the link-local one of any MAC: compare in full.
  if (listed.some((text) => isBlock(text) || /^fe[89ab]/.test(text))) return () => true;
  const derived = formatPrefix(eui64LinkLocal(parseMac(claim.mac)));
  const mine = new Set([...listed, derived]);
  return (other) => textsOf(other).some((text) => isBlock(text) || mine.has(text));
}

function isBlock(text: string): boolean {
  return text.includes('/');
}

function textsOf({ mac, extraMacs, ipv4, ipv6 }: PolicyJson): readonly string[] {
  return [mac, ...extraMacs, ...(ipv4 === 'any' ? [] : ipv4), ...(ipv6 === 'any' ? [] : ipv6)];
}
