import type { MacAddress } from '../address/mac.ts';
import { ICMPV6, PROTOCOL } from '../rules/protocols.ts';
import type { NdOption } from '../rules/rule.ts';
import { IPV6_HEADER_LENGTH, type Ipv6 } from './ipv6.ts';
import { readBits, readMac, readU8, readU16 } from './octets.ts';

const TARGET = IPV6_HEADER_LENGTH + 8;
const OPTION = { sourceLinkLayer: 1, targetLinkLayer: 2, nonce: 14 } as const;

/** Whether it is an ND message right behind the IPv6 header, with hop limit 255, code 0 and exactly these options. */
export function isNdMessage(ipv6: Ipv6, { type, option }: { type: number; option: NdOption }): boolean {
  const { packet } = ipv6;
  const fixed = type === ICMPV6.routerSolicitation ? 8 : 24;
  return (
    ipv6.payloadLength === fixed + (option.kind === 'none' ? 0 : 8) &&
    ipv6.nextHeader === PROTOCOL.icmpv6 &&
    ipv6.hopLimit === 255 &&
    readU16(packet, IPV6_HEADER_LENGTH) === type << 8 &&
    isOption(ipv6, IPV6_HEADER_LENGTH + fixed, option)
  );
}

function isOption({ packet }: Ipv6, at: number, option: NdOption): boolean {
  const isMac = (type: number, mac: MacAddress) =>
    readU16(packet, at) === ((type << 8) | 1) && readMac(packet, at + 2) === mac;
  switch (option.kind) {
    case 'none':
      return true;
    case 'nonce':
      return readU16(packet, at) === ((OPTION.nonce << 8) | 1) && readU8(packet, at + 7) !== undefined;
    case 'source-address':
      return isMac(OPTION.sourceLinkLayer, option.mac);
    case 'target-address':
      return isMac(OPTION.targetLinkLayer, option.mac);
  }
}

/** The target of a solicitation or advertisement that directly follows the IPv6 header. */
export function ndTargetOf({ packet }: Ipv6): bigint | undefined {
  return readBits(packet, TARGET, 16);
}
