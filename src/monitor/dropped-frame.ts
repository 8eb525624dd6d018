import { type DropWay, parseDropLogPrefix } from '../backends/drop-log.ts';
import type { LoggedPacket } from '../netlink/packet-log.ts';
import type { Reason } from '../rules/reason.ts';

/** A frame that a guard has dropped and logged. */
export interface DroppedFrame {
  readonly way: DropWay;
  readonly reason: Reason;
  /** The index of the guest's port. */
  readonly port: number;
  /** The frame; its end may be missing. */
  readonly octets: Buffer;
}

/** Of the hooks that drop, ebtables' last one has the frames for guests (NF_BR_POST_ROUTING). */
const POST_ROUTING = 4;

/** Undefined for what no rule of ours has logged. */
export function droppedFrameOf(packet: LoggedPacket): DroppedFrame | undefined {
  const rule = parseDropLogPrefix(packet.prefix);
  if (rule === undefined) return undefined;
  const { reason, way = packet.hook === POST_ROUTING ? 'to' : 'from' } = rule;
  const port = way === 'to' ? packet.outward : packet.inward;
  return port === undefined ? undefined : { way, reason, port, octets: packet.frame };
}
