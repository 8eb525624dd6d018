import { formatPrefix } from '../address/ip.ts';
import type { AddressSet, GuardPolicy } from '../policy/guard-policy.ts';
import { grantedLinkLocals } from '../rules/identity.ts';

/** A field of a policy as a config writes it, and where it has an effect. */
export interface PolicyLine {
  readonly field: string;
  readonly value: string;
  readonly applies: string;
}

const MODE_TEXT: Readonly<Record<GuardPolicy['mode'], string>> = {
  locked: 'only what is below passes',
  unlocked: 'everything passes: what is below has no effect, but for who it is to other guests',
  disabled: 'nothing passes, and the port is down: what is below has no effect',
};

/** Every field of a policy, in the words of vif-guard.conf. */
export function policyLines(policy: GuardPolicy): PolicyLine[] {
  const { mode, mac, extraMacs, ipv4, ipv6, dhcp, peers, dom0, roles, vlan, virtualRouters } = policy;
  return [
    line('mode', mode, MODE_TEXT[mode]),
    line(
      'mac',
      mac,
      'source of its frames, ARP sender and ND options; static FDB entry; destination of frames to it',
    ),
    line('extra macs', words(extraMacs), 'the same'),
    line('ipv4', setText(ipv4), 'IPv4 source and ARP sender; destination of what reaches it'),
    line('ipv6', setText(ipv6), 'IPv6 source and ND target; destination of what reaches it'),
    line('link-local', linkLocalText(policy), 'IPv6 source and ND target within the link'),
    line('dhcp', dhcp ? 'on' : 'off', 'DHCP client messages from 0.0.0.0 and from its link-local address'),
    line('peers', peers, 'other guests of the bridge: the flag "isolated", and rules in front of it'),
    line('dom0', dom0, 'what it may send to dom0 itself'),
    line('role', words(roles), 'RA, DHCP server, queries, routing and redundancy protocols from it'),
    line(
      'vlan',
      String(vlan ?? "the bridge's default"),
      'where its bridge filters VLANs: the one it is in, untagged',
    ),
    line(
      'vrrp',
      words(
        virtualRouters.map(({ id, addresses }) => [id, ...addresses.map(formatPrefix)].join(' ')),
        ', ',
      ),
      'virtual routers it may announce; their addresses and MACs are among those above',
    ),
  ];
}

function line(field: string, value: string, applies: string): PolicyLine {
  return { field, value, applies };
}

function words(items: readonly string[], separator = ' '): string {
  return items.length === 0 ? 'none' : items.join(separator);
}

function setText(set: AddressSet): string {
  return set === 'any' ? 'any' : words(set.map(formatPrefix));
}

/** Without an IPv6 address there is no link-local one either. */
function linkLocalText(policy: GuardPolicy): string {
  return `${policy.linkLocal}: ${words(grantedLinkLocals(policy).map(formatPrefix))}`;
}
