import { concat, ip, mac, u8, u16 } from './bytes.ts';
import type { NetworkLayer } from './layer.ts';

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

export interface Arp {
  /** 1 request, 2 reply; 3, 4, 8, 9 are RARP and InARP. */
  readonly op: number;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac?: string;
  readonly targetIp: string;
  readonly hardwareType?: number;
  readonly protocolType?: number;
  readonly hardwareSize?: number;
  readonly protocolSize?: number;
  /** 0x8035 for RARP. */
  readonly etherType?: number;
}

/** RFC 826. */
export function arp(fields: Arp): NetworkLayer {
  const bytes = concat(
    u16(fields.hardwareType ?? 1, fields.protocolType ?? 0x0800),
    u8(fields.hardwareSize ?? 6, fields.protocolSize ?? 4),
    u16(fields.op),
    mac(fields.senderMac),
    ip(fields.senderIp),
    mac(fields.targetMac ?? '00:00:00:00:00:00'),
    ip(fields.targetIp),
  );
  return { etherType: fields.etherType ?? 0x0806, bytes };
}
