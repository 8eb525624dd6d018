import { eui64LinkLocal, formatPrefix } from '../address/ip.ts';
import { plainDomainName } from '../config/domain-config.ts';
import { InputError } from '../errors.ts';
import { type Claim, findConflict } from '../policy/conflicts.ts';
import type { PolicyJson } from '../policy/serialize.ts';
import { ownerLabel, type PortRecord, policyOf, type Registry } from './registry.ts';

/**
 * Refuses a port whose MAC or addresses another port's owner holds.
 *
 * @throws InputError that names both owners and what both claim.
 */
export function refuseConflict(registry: Registry, port: string, record: PortRecord): void {
  const others = Object.entries(registry.ports).filter(([name]) => name !== port);
  const near = others.filter(([, other]) => mayOverlap(record.policy, other.policy));
  const conflict = findConflict(claimOf(port, record), lazily(near));
  if (conflict === undefined) return;
  const { kind, claimed, held, claimant, holder } = conflict;
  throw new InputError(
    `${claimant.label} may not have ${kind} ${claimed}: ${holder.label} holds ${held}; give one of them another, or detach it`,
  );
}

function* lazily(entries: readonly (readonly [string, PortRecord])[]): Iterable<Claim> {
  for (const [port, record] of entries) yield claimOf(port, record);
}

function claimOf(port: string, record: PortRecord): Claim {
  const domain = record.domain === undefined ? `domain ${record.domid}` : plainDomainName(record.domain);
  return {
    owner: { identity: `${domain}/${record.handle}`, label: ownerLabel(port, record) },
    segment: record.bridge,
    policy: policyOf(record),
  };
}

/** A cheap test on text that spares decoding the policies of thousands of ports. */
function mayOverlap(claim: PolicyJson, other: PolicyJson): boolean {
  const mine = textsOf(claim);
  const theirs = textsOf(other);
  const block = (texts: readonly string[]) => texts.some((text) => text.includes('/'));
  if (block(mine) || block(theirs)) return true;
  const set = new Set(mine);
  return theirs.some((text) => set.has(text));
}

function textsOf({ mac, extraMacs, ipv4, ipv6 }: PolicyJson): readonly string[] {
  const listed = [ipv4, ipv6].flatMap((set) => (set === 'any' ? [] : set));
  const derived = formatPrefix(eui64LinkLocal(mac as Parameters<typeof eui64LinkLocal>[0]));
  return [mac, ...extraMacs, ...listed, derived];
}
