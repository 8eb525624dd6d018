import { formatPrefix, type IpPrefix } from '../../address/ip.ts';
import { type MacAddress, macBytes } from '../../address/mac.ts';
import type { Match, NdOption } from '../../rules/rule.ts';
import { hex } from './marks.ts';

/** Matches of the neighbour-discovery stages in ip6tables-extensions(8)'s words. */
export function ip6tablesMatch(match: Match): string {
  return [
    ...(match.source === undefined ? [] : [`-s ${formatPrefix(match.source)}`]),
    ...(match.protocol === undefined ? [] : [`-p ${match.protocol}`]),
    ...(match.type === undefined ? [] : [`-m icmp6 --icmpv6-type ${match.type[0]}`]),
    ...(match.fragmented ? ['-m frag'] : []),
    ...(match.nd === undefined ? [] : [u32(ndTerms(match.nd.type, match.nd.option))]),
    ...(match.ndTarget === undefined ? [] : [u32(targetTerms(match.ndTarget))]),
  ].join(' ');
}

function u32(terms: readonly string[]): string {
  return `-m u32 --u32 "${terms.join(' && ')}"`;
}

/** Offsets in bytes from the IPv6 header, which the ICMPv6 header directly follows. */
const OFFSET = { payloadLength: 4, icmpv6: 40, ndTarget: 48 } as const;
const ROUTER_SOLICITATION = 133;

/** The word with payload length, next header ICMPv6 and hop limit 255; type and code 0; the options. */
function ndTerms(type: number, option: NdOption): readonly string[] {
  const fixed = type === ROUTER_SOLICITATION ? 8 : 24;
  const options = OFFSET.icmpv6 + fixed;
  const length = fixed + (option.kind === 'none' ? 0 : 8);
  return [
    `${OFFSET.payloadLength}=${hex(((length << 16) | (58 << 8) | 255) >>> 0)}`,
    `${OFFSET.icmpv6}&0xffff0000=${hex((type << 24) >>> 0)}`,
    ...optionTerms(options, option),
  ];
}

/** Option type, length 1 (in units of 8 bytes) and value (RFC 4861 section 4.6.1, RFC 3971 section 5.3.2). */
function optionTerms(at: number, option: NdOption): readonly string[] {
  switch (option.kind) {
    case 'none':
      return [];
    case 'nonce':
      return [`${at}&0xffff0000=0xe010000`];
    case 'source-address':
      return linkLayerAddress(at, 1, option.mac);
    case 'target-address':
      return linkLayerAddress(at, 2, option.mac);
  }
}

function linkLayerAddress(at: number, type: number, mac: MacAddress): readonly string[] {
  const bytes = Buffer.from([type, 1, ...macBytes(mac)]);
  return [`${at}=${hex(bytes.readUInt32BE(0))}`, `${at + 4}=${hex(bytes.readUInt32BE(4))}`];
}

/** The words of the target that the prefix covers. */
function targetTerms({ bits, length }: IpPrefix): readonly string[] {
  const word = (value: bigint, index: number) => Number((value >> BigInt(96 - 32 * index)) & 0xffff_ffffn);
  const mask = ((1n << BigInt(length)) - 1n) << BigInt(128 - length);
  return [0, 1, 2, 3]
    .filter((index) => index === 0 || word(mask, index) !== 0)
    .map((index) => `${OFFSET.ndTarget + 4 * index}&${hex(word(mask, index))}=${hex(word(bits, index))}`);
}
