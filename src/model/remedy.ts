import {
  eui64LinkLocal,
  FAMILY_BITS,
  formatPrefix,
  type IpFamily,
  type IpPrefix,
  prefixContains,
} from '../address/ip.ts';
import { parseMac } from '../address/mac.ts';
import { InputError } from '../errors.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { parseGuestAddress } from '../policy/guest-address.ts';
import { addressesOf, hasFamily, macsOf } from '../policy/identity.ts';
import { PROTOCOL } from '../rules/protocols.ts';
import type { Frame } from './frame.ts';
import { ndTargetOf } from './neighbor-discovery.ts';
import { judgeOfWay, type Side, type Way } from './way.ts';

/** A change of one key of a vif's policy, in the words of a vifguard entry. */
export interface Change {
  /** Whose policy it is. */
  readonly side: Side;
  readonly key: 'mode' | 'ip' | 'mac' | 'dhcp' | 'peers' | 'dom0' | 'link-local' | 'role' | 'vrrp';
  readonly value: string;
  /** Whether the value is added to the key's present value; otherwise it replaces it. */
  readonly adds: boolean;
}

interface Candidate extends Change {
  /** How much it opens: one address or role is little, every address much. */
  readonly cost: number;
  readonly apply: (policy: GuardPolicy) => GuardPolicy;
}

/** More changes than this would describe a different guest. */
const MOST_CHANGES = 3;

/**
 * The changes of policy that let a rejected frame pass and open least, found by trying them on the rules
 * themselves; none when no policy would let it pass.
 */
export function remedyOf(way: Way, frame: Frame): readonly Change[] {
  const candidates = candidatesOf(way, frame);
  const sets = subsets(candidates, MOST_CHANGES).sort((a, b) => costOf(a) - costOf(b));
  return sets.find((changes) => judgeOfWay(applied(way, changes))(frame).verdict === 'accept') ?? [];
}

function subsets(candidates: readonly Candidate[], largest: number): (readonly Candidate[])[] {
  if (largest === 0) return [];
  return candidates.flatMap((first, index) => [
    [first],
    ...subsets(candidates.slice(index + 1), largest - 1).map((rest) => [first, ...rest]),
  ]);
}

function costOf(changes: readonly Candidate[]): number {
  return changes.reduce((sum, { cost }) => sum + cost, 0);
}

function applied(way: Way, changes: readonly Candidate[]): Way {
  const changed = <Fixed extends string>(side: Side, end: GuardPolicy | Fixed): GuardPolicy | Fixed =>
    typeof end === 'string'
      ? end
      : changes.filter((change) => change.side === side).reduce((policy, { apply }) => apply(policy), end);
  return { sender: changed('sender', way.sender), receiver: changed('receiver', way.receiver) };
}

function candidatesOf({ sender, receiver }: Way, frame: Frame): readonly Candidate[] {
  return [
    ...(typeof sender === 'string' ? [] : ofSender(sender, frame, receiver)),
    ...(typeof receiver === 'string' ? [] : ofReceiver(receiver, frame)),
  ];
}

const SMALL = 10;
const LARGE = 35;
const EVERYTHING = 1000;

function ofSender(policy: GuardPolicy, frame: Frame, receiver: Way['receiver']): readonly Candidate[] {
  const own: Candidate[] = [
    ...claimedBySender(frame).flatMap((address) => withAddress('sender', policy, address)),
    ...withMac('sender', policy, frame.source),
    ...withVirtualRouter(policy, frame),
    ...(['dhcp-server', 'router'] as const)
      .filter((role) => !policy.roles.includes(role))
      .map((role, index) =>
        adding({
          side: 'sender',
          key: 'role',
          value: role,
          cost: SMALL + index,
          apply: (p) => withRole(p, role),
        }),
      ),
    ...(policy.dhcp
      ? []
      : [
          setting({
            side: 'sender',
            key: 'dhcp',
            value: 'on',
            cost: SMALL,
            apply: (p) => ({ ...p, dhcp: true }),
          }),
        ]),
    ...withLinkLocal('sender', policy),
    ...common('sender', policy),
  ];
  if (receiver !== 'dom0' || policy.dom0 === 'allow') return own;
  const levels = policy.dom0 === 'none' ? (['icmp', 'allow'] as const) : (['allow'] as const);
  return [
    ...own,
    ...levels.map((dom0) =>
      setting({
        side: 'sender',
        key: 'dom0',
        value: dom0,
        cost: dom0 === 'icmp' ? SMALL : LARGE,
        apply: (p) => ({ ...p, dom0 }),
      }),
    ),
  ];
}

function ofReceiver(policy: GuardPolicy, frame: Frame): readonly Candidate[] {
  return [
    ...soughtAtReceiver(frame).flatMap((address) => withAddress('receiver', policy, address)),
    ...withMac('receiver', policy, frame.destination),
    ...withLinkLocal('receiver', policy),
    ...common('receiver', policy),
  ];
}

/** What any frame may need, and what opens most. */
function common(side: Side, policy: GuardPolicy): readonly Candidate[] {
  const changes: Candidate[] = [];
  if (policy.peers === 'isolated') {
    changes.push(
      setting({
        side,
        key: 'peers',
        value: 'open',
        cost: SMALL + 1,
        apply: (p) => ({ ...p, peers: 'open' }),
      }),
    );
  }
  if (policy.ipv4 !== 'any' || policy.ipv6 !== 'any') {
    changes.push(
      setting({
        side,
        key: 'ip',
        value: 'any',
        cost: LARGE,
        apply: (p) => ({ ...p, ipv4: 'any', ipv6: 'any' }),
      }),
    );
  }
  if (policy.mode === 'disabled') {
    changes.push(
      setting({ side, key: 'mode', value: 'locked', cost: SMALL, apply: (p) => ({ ...p, mode: 'locked' }) }),
    );
  }
  if (policy.mode !== 'unlocked') {
    changes.push(
      setting({
        side,
        key: 'mode',
        value: 'unlocked',
        cost: EVERYTHING,
        apply: (p) => ({ ...p, mode: 'unlocked' }),
      }),
    );
  }
  return changes;
}

function claimedBySender({ arp, ipv4, ipv6 }: Frame): readonly IpPrefix[] {
  if (arp !== undefined) return [arp.sender === 0n ? arp.target : arp.sender].map((bits) => host(4, bits));
  return [...ends('source', { ipv4, ipv6 }), ...targets(ipv6)];
}

function soughtAtReceiver({ arp, ipv4, ipv6 }: Frame): readonly IpPrefix[] {
  if (arp !== undefined) return [host(4, arp.target)];
  return [...ends('destination', { ipv4, ipv6 }), ...targets(ipv6)];
}

function ends(end: 'source' | 'destination', { ipv4, ipv6 }: Pick<Frame, 'ipv4' | 'ipv6'>) {
  return [...(ipv4 ? [host(4, ipv4[end])] : []), ...(ipv6 ? [host(6, ipv6[end])] : [])];
}

/** The target of an ND message; rules look at no other message's. */
function targets(ipv6: Frame['ipv6']): readonly IpPrefix[] {
  const target = ipv6?.chain.protocol === PROTOCOL.icmpv6 ? ndTargetOf(ipv6) : undefined;
  return target === undefined ? [] : [host(6, target)];
}

function host(family: IpFamily, bits: bigint): IpPrefix {
  return { family, bits, length: FAMILY_BITS[family] };
}

function withAddress(side: Side, policy: GuardPolicy, address: IpPrefix): readonly Candidate[] {
  const { family } = address;
  const owned = addressesOf(policy, family);
  const text = formatPrefix(address);
  const isOwned = owned === 'any' || owned.some((prefix) => prefixContains(prefix, address));
  if (isOwned || readable(() => parseGuestAddress(text)) === undefined) return [];
  const key = family === 4 ? 'ipv4' : 'ipv6';
  const isDerived = family === 6 && address.bits === eui64LinkLocal(policy.mac).bits;
  // Any IPv6 address gives the guest its EUI-64 one, too; listing the address opens less.
  return [
    adding({
      side,
      key: 'ip',
      value: text,
      cost: isDerived ? SMALL + 2 : SMALL,
      apply: (p) => ({ ...p, [key]: p[key] === 'any' ? 'any' : [...p[key], address] }),
    }),
  ];
}

function withMac(side: Side, policy: GuardPolicy, text: string): readonly Candidate[] {
  const mac = readable(() => parseMac(text));
  if (mac === undefined || macsOf(policy).includes(mac)) return [];
  const apply = (p: GuardPolicy) => ({ ...p, extraMacs: [...p.extraMacs, mac] });
  return [adding({ side, key: 'mac', value: mac, cost: SMALL, apply })];
}

/** The virtual MACs (RFC 5798 section 7.3). */
const VIRTUAL_MAC = /^00:00:5e:00:0[12]:([0-9a-f]{2})$/;

function withVirtualRouter(policy: GuardPolicy, frame: Frame): readonly Candidate[] {
  const [, pair] = VIRTUAL_MAC.exec(frame.source) ?? [];
  const protocol = frame.ipv4?.protocol ?? frame.ipv6?.chain.protocol;
  if (pair === undefined && protocol !== PROTOCOL.vrrp) return [];
  const id = pair === undefined ? 'VRID' : String(Number.parseInt(pair, 16));
  const macs = pair === undefined ? [] : [parseMac(frame.source)];
  const apply = (p: GuardPolicy) => ({
    ...withRole(p, 'vrrp'),
    extraMacs: [...p.extraMacs, ...macs.filter((mac) => !macsOf(policy).includes(mac))],
  });
  return [adding({ side: 'sender', key: 'vrrp', value: `${id} ADDRESS`, cost: SMALL - 1, apply })];
}

function withRole(policy: GuardPolicy, role: GuardPolicy['roles'][number]): GuardPolicy {
  return { ...policy, roles: [...policy.roles, role] };
}

function withLinkLocal(side: Side, policy: GuardPolicy): readonly Candidate[] {
  if (!hasFamily(policy, 6)) return [];
  const wider = { listed: ['eui64', 'any'], eui64: ['any'], any: [] } as const;
  return wider[policy.linkLocal].map((linkLocal) =>
    setting({
      side,
      key: 'link-local',
      value: linkLocal,
      cost: linkLocal === 'any' ? SMALL + 3 : SMALL - 1,
      apply: (p) => ({ ...p, linkLocal }),
    }),
  );
}

/** A change that replaces the key's value. */
function setting(change: Omit<Candidate, 'adds'>): Candidate {
  return { ...change, adds: false };
}

/** A change that adds to the key's value. */
function adding(change: Omit<Candidate, 'adds'>): Candidate {
  return { ...change, adds: true };
}

function readable<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return undefined;
  }
}
