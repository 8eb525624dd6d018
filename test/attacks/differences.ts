import type { BackendName } from '../../src/backends/names.ts';
import type { Attack } from './attack.ts';

/** What the nftables backend drops under another reason, by the attack's name. */
const ON_NFTABLES: readonly (readonly [RegExp, Attack['reason']])[] = [
  // The fragment comes first here: ip6tables sees it only after ebtables has seen the type.
  [/^ICMPv6 of (?:type \d+|no type), from link-local, as an atomic fragment$/, 'nd-fragment'],
  // nft does not look behind an Authentication Header, so nothing gets through that has one.
  [/, behind (?:an authentication header|all of them)$/, 'ipv6-header-chain'],
  // What br_netfilter throws away uncounted, the backend has to drop itself.
  [/^(?:IPv6|NA) of version |payload length beyond the frame$/, 'ipv6-header-chain'],
];

/** The attack as a backend sees it. */
export function onBackend(backend: BackendName, attack: Attack): Attack {
  const different = ON_NFTABLES.find(([pattern]) => pattern.test(attack.name));
  if (backend !== 'nftables' || different === undefined) return attack;
  return { ...attack, reason: attack.reason === 'ipv6-spoof' ? attack.reason : different[1] };
}
