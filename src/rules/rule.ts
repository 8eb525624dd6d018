import type { IpPrefix } from '../address/ip.ts';
import type { MacAddress } from '../address/mac.ts';
import type { Reason } from './reason.ts';

export type EtherType = 'arp' | 'ipv4' | 'ipv6' | 'vlan' | 'service-vlan' | 'length';

/** An inclusive range of numbers; a single value is a range of one. */
export type Range = readonly [first: number, last: number];

/** The link-layer options of an ND message as a host sends them: none, one address, or one nonce. */
export type NdOption =
  | { readonly kind: 'none' }
  | { readonly kind: 'source-address' | 'target-address'; readonly mac: MacAddress }
  | { readonly kind: 'nonce' };

/**
 * What a frame must be: every field that is given must hold. A frame too short or too malformed
 * for a field does not match it, so only a positive match may accept.
 */
export interface Match {
  readonly etherSource?: MacAddress;
  readonly etherDestination?: { readonly address: string; readonly mask: string };
  readonly etherType?: EtherType;
  /** An ARP message for Ethernet (6-byte) and IPv4 (4-byte) addresses. */
  readonly arp?: {
    readonly operation?: 'request' | 'reply';
    readonly senderMac?: MacAddress;
    readonly sender?: IpPrefix;
    readonly target?: IpPrefix;
    /** Sender and target address are the same (RFC 5227 section 3). */
    readonly gratuitous?: true;
  };
  readonly source?: IpPrefix;
  readonly destination?: IpPrefix;
  /**
   * The upper-layer protocol number, found through IPv6 extension headers; `complete`: an IPv6
   * header chain that ends in one within this frame; `later-fragment`: an IPv6 fragment that does
   * not hold the chain.
   */
  readonly protocol?: number | 'complete' | 'later-fragment';
  readonly sourcePort?: Range;
  readonly destinationPort?: Range;
  /** Ports outside of a range; a packet without ports does not match. */
  readonly sourcePortNot?: Range;
  readonly destinationPortNot?: Range;
  /**
   * The port at the offset where an IPv4 packet without options has its destination port. A DHCP client that
   * reads raw packets may look there whatever the header's length is (dhcp_packet_verify_headers of
   * systemd-networkd); ebtables cannot.
   */
  readonly plainDestinationPort?: Range;
  readonly plainDestinationPortNot?: Range;
  /** ICMP, ICMPv6 or IGMP type, as `protocol` says. */
  readonly type?: Range;
  /** An IPv6 Fragment header is present. */
  readonly fragmented?: true;
  /** An ND message right behind the IPv6 header: hop limit 255, code 0, exactly these options. */
  readonly nd?: { readonly type: number; readonly option: NdOption };
  readonly ndTarget?: IpPrefix;
  /** Whether the frame comes from a guest that may not speak for the network. */
  readonly fromPeer?: boolean;
  /** Whether the frame comes from an isolated guest. */
  readonly fromIsolated?: boolean;
}

/** `pass` goes on to the next stage, `accept` ends the way. */
export type Verdict = 'accept' | 'pass' | { readonly drop: Reason };

export interface Rule {
  readonly match: Match;
  readonly verdict: Verdict;
}

/** Rules of which the first that matches decides; `otherwise` when none does. */
export interface Stage<Name extends string = string> {
  readonly name: Name;
  /** The stage judges only frames that match one of these; every frame when absent. */
  readonly only?: readonly Match[];
  /** The stage is the same for all ports but for what roles they have: one copy can serve them all. */
  readonly shared?: true;
  readonly rules: readonly Rule[];
  readonly otherwise: Verdict;
}

/** The way of a frame from the guest: the tuples fix the order of the stages. */
export interface FromGuest {
  readonly link: readonly [Stage<'framing'>, Stage<'identity'>];
  readonly arp: readonly [Stage<'arp-sender'>];
  readonly ipv4: readonly [Stage<'unspecified-source'>, Stage<'source-validation'>, Stage<'network-roles'>];
  readonly ipv6: readonly [
    Stage<'source-validation'>,
    Stage<'unspecified-source'>,
    Stage<'network-roles'>,
    Stage<'link-local-fragments'>,
    Stage<'nd-message'>,
    Stage<'nd-target'>,
    Stage<'upper-layer'>,
  ];
}

/** The way of a frame to the guest. */
export interface ToGuest {
  readonly link: readonly [Stage<'framing'>, Stage<'delivery'>, Stage<'isolation'>];
  readonly arp: readonly [Stage<'arp-target'>];
  readonly ipv4: readonly [Stage<'speakers'>, Stage<'destination'>];
  readonly ipv6: readonly [Stage<'speakers'>, Stage<'destination'>];
}

/** What other ports' rules have to know about frames that this port let in. */
export interface Provenance {
  /** May not speak for the network towards other guests. */
  readonly peer: boolean;
  readonly isolated: boolean;
}

/**
 * Matches for the most frequent frames. The stages accept every frame that matches one, so a backend may check
 * these first and skip the stages.
 */
export interface ShortCuts {
  readonly fromGuest: readonly Match[];
  readonly toGuest: readonly Match[];
}

/**
 * All rules of one port. A frame takes the stages of `link`, then those of its ethertype, and is
 * then accepted; any other ethertype is dropped.
 */
export interface RuleSet {
  readonly fromGuest: FromGuest;
  readonly toGuest: ToGuest;
  readonly shortCuts: ShortCuts;
  /** Judges frames from the guest that reach dom0's own stack. */
  readonly toDom0: Stage<'dom0-access'>;
  readonly provenance: Provenance;
}

export const pass = (match: Match): Rule => ({ match, verdict: 'pass' });
export const accept = (match: Match): Rule => ({ match, verdict: 'accept' });
export const drop = (reason: Reason, match: Match): Rule => ({ match, verdict: { drop: reason } });

/** A stage that lets every frame through. */
export function open<Name extends string>(name: Name): Stage<Name> {
  return { name, rules: [], otherwise: 'pass' };
}

/** A stage that drops every frame. */
export function closed<Name extends string>(name: Name, reason: Reason): Stage<Name> {
  return { name, rules: [], otherwise: { drop: reason } };
}
