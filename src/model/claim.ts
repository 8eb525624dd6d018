import { FAMILY_BITS, formatPrefix, type IpFamily, type IpPrefix, prefixContains } from '../address/ip.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { addressesOf, macsOf } from '../policy/identity.ts';
import { UNSPECIFIED_IPV6 } from '../rules/protocols.ts';
import type { Reason } from '../rules/reason.ts';
import type { Arp } from './arp.ts';
import type { Frame } from './frame.ts';
import type { Ipv6 } from './ipv6.ts';
import { ndTargetOf } from './neighbor-discovery.ts';

/** A MAC or an address, or a block of addresses. */
export type Identifier = string | IpPrefix;

export function identifierText(identifier: Identifier): string {
  return typeof identifier === 'string' ? identifier : formatPrefix(identifier);
}

/** What a frame claims for its sender: that it has a MAC or an address, or is about to take one. */
export interface Claim {
  readonly verb: 'claims' | 'probes for';
  readonly what: Identifier;
}

/** What a guest had no right to, where the reason is such a claim. */
export function claimOf(reason: Reason, frame: Frame, policy: GuardPolicy | undefined): Claim | undefined {
  const { arp, ipv4, ipv6, source } = frame;
  switch (reason) {
    case 'mac-spoof':
      return { verb: 'claims', what: source };
    case 'arp-spoof':
      return arp && arpClaim(arp, policy);
    case 'ipv4-spoof':
      return ipv4 && { verb: 'claims', what: host(4, ipv4.source) };
    case 'ipv6-spoof':
      return ipv6 && { verb: 'claims', what: host(6, ipv6.source) };
    case 'nd-spoof':
      return ipv6 && targetClaim(ipv6);
    default:
      return undefined;
  }
}

/** A sender without address (0.0.0.0) probes whether its target is taken (RFC 5227 section 2.1.1). */
function arpClaim({ sender, target, senderMac }: Arp, policy: GuardPolicy | undefined): Claim {
  if (sender === 0n) return { verb: 'probes for', what: host(4, target) };
  const address = host(4, sender);
  const isOwn = policy !== undefined && isAmong(address, addressesOf(policy, 4));
  const isOwnMac = policy === undefined || (macsOf(policy) as readonly string[]).includes(senderMac);
  return { verb: 'claims', what: isOwn && !isOwnMac ? senderMac : address };
}

/** The same in IPv6 (RFC 4862 section 5.4). */
function targetClaim(ipv6: Ipv6): Claim | undefined {
  const target = ndTargetOf(ipv6);
  const verb = ipv6.source === UNSPECIFIED_IPV6.bits ? 'probes for' : 'claims';
  return target === undefined ? undefined : { verb, what: host(6, target) };
}

function isAmong(address: IpPrefix, own: readonly IpPrefix[] | 'any'): boolean {
  return own === 'any' || own.some((prefix) => prefixContains(prefix, address));
}

function host(family: IpFamily, bits: bigint): IpPrefix {
  return { family, bits, length: FAMILY_BITS[family] };
}

/** The claim in words, and in brackets whose it is. */
export function claimInWords({ verb, what }: Claim, holder: string | undefined): string {
  return `${verb} ${identifierText(what)}${holder === undefined ? '' : ` (${holder})`}`;
}
