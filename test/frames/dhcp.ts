import { type Bytes, concat, ip, mac, u8, u16, u32, zeros } from './bytes.ts';
import type { TransportLayer } from './layer.ts';
import { udp } from './udp.ts';

export const DHCP_DISCOVER = 1;
export const DHCP_OFFER = 2;
export const DHCP_REQUEST = 3;
export const DHCP_ACK = 5;

export interface Dhcp {
  readonly type: number;
  /** The client's hardware address. */
  readonly mac: string;
  readonly xid?: number;
  /** The address that a server offers. */
  readonly yourIp?: string;
  readonly serverId?: string;
  /** Further options, encoded. */
  readonly options?: Bytes;
}

/** A DHCPv4 message from the client's side (68 to 67) or the server's (67 to 68), RFC 2131. */
export function dhcp(message: Dhcp): TransportLayer {
  const fromClient = message.type === DHCP_DISCOVER || message.type === DHCP_REQUEST;
  const serverId = message.serverId === undefined ? zeros(0) : concat(u8(54, 4), ip(message.serverId));
  const data = concat(
    u8(fromClient ? 1 : 2, 1, 6, 0),
    u32(message.xid ?? 1, 0x8000, 0),
    ip(message.yourIp ?? '0.0.0.0'),
    zeros(8),
    mac(message.mac),
    zeros(10 + 192),
    u32(0x63825363),
    u8(53, 1, message.type),
    serverId,
    message.options ?? zeros(0),
    u8(255),
  );
  const ports = fromClient ? { srcPort: 68, dstPort: 67 } : { srcPort: 67, dstPort: 68 };
  return udp(ports, data);
}

export const DHCPV6_SOLICIT = 1;
export const DHCPV6_ADVERTISE = 2;
const DHCPV6_REQUEST = 3;
export const DHCPV6_REPLY = 7;

export interface Dhcpv6 {
  readonly type: number;
  readonly xid?: number;
  /** The client's hardware address, for its DUID-LL. */
  readonly mac: string;
  /** The server's, in what a server sends. */
  readonly serverMac?: string;
}

/** A DHCPv6 message from the client's side (546 to 547) or the server's (547 to 546), RFC 9915. */
export function dhcpv6(message: Dhcpv6): TransportLayer {
  const fromClient = message.type === DHCPV6_SOLICIT || message.type === DHCPV6_REQUEST;
  const clientId = duid(1, message.mac);
  const serverId = message.serverMac === undefined ? zeros(0) : duid(2, message.serverMac);
  const data = concat(u32((message.type << 24) | (message.xid ?? 1)), clientId, serverId);
  const ports = fromClient ? { srcPort: 546, dstPort: 547 } : { srcPort: 547, dstPort: 546 };
  return udp(ports, data);
}

function duid(option: number, address: string): Bytes {
  return concat(u16(option, 10, 3, 1), mac(address));
}
