import { readFile } from 'node:fs/promises';
import { formatPrefix, type IpPrefix, parsePrefix } from '../address/ip.ts';

/** A router that dom0 sends to. */
export interface Gateway {
  readonly address: IpPrefix;
  /** Of IPv4, once dom0 has asked for it. */
  readonly mac: string | undefined;
}

/** The next hops of the routes in the network namespace that we are in. */
export async function readGateways(): Promise<Gateway[]> {
  const [route = '', route6 = '', arp = ''] = await Promise.all(
    ['route', 'ipv6_route', 'arp'].map((name) =>
      readFile(`/proc/self/net/${name}`, 'latin1').catch(() => ''),
    ),
  );
  const macs = neighbourMacs(arp);
  return [...nextHops4(route), ...nextHops6(route6)].map((address) => ({
    address,
    mac: macs.get(formatPrefix(address)),
  }));
}

/** include/uapi/linux/route.h */
const RTF_GATEWAY = 2;

function rows(table: string): string[][] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}

/** Device, destination, gateway and flags first; an address is the host's own integer in hex (proc(5)). */
export function nextHops4(table: string): IpPrefix[] {
  return rows(table).flatMap(([, , gateway = '', flags = '']): IpPrefix[] => {
    if (!/^[\dA-F]{8}$/.test(gateway) || !isViaGateway(flags)) return [];
    return [{ family: 4, bits: BigInt(Buffer.from(gateway, 'hex').readUInt32LE()), length: 32 }];
  });
}

/** Destination, source, next hop, metric, two counts, flags, device (rt6_info_route in net/ipv6/route.c). */
export function nextHops6(table: string): IpPrefix[] {
  return rows(table).flatMap(([, , , , hop = '', , , , flags = '']): IpPrefix[] => {
    if (!/^[\da-f]{32}$/.test(hop) || !isViaGateway(flags)) return [];
    return [{ family: 6, bits: BigInt(`0x${hop}`), length: 128 }];
  });
}

function isViaGateway(flags: string): boolean {
  return (Number.parseInt(flags, 16) & RTF_GATEWAY) !== 0;
}

/** MACs by address, which is the first column; the fourth is the MAC, all zero for a neighbour that is silent. */
export function neighbourMacs(table: string): ReadonlyMap<string, string> {
  const entries = rows(table).flatMap(([address = '', , , mac = '']): [string, string][] =>
    /^(?!00(:00){5}$)[\da-f]{2}(:[\da-f]{2}){5}$/.test(mac)
      ? [[formatPrefix(parsePrefix(address)), mac]]
      : [],
  );
  return new Map(entries);
}
