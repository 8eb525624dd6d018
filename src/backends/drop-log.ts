import { REASONS, type Reason } from '../rules/reason.ts';

/** Whose rules dropped a frame: those for what comes from the guest, or for what goes to it. */
export type DropWay = 'from' | 'to';

/**
 * Where dropped frames are logged to (NFLOG, nfnetlink_log): "VG" in ASCII, as everybody else takes small
 * numbers, ulogd's examples 0 to 2 and Calico 1 and 2.
 */
export const DROP_LOG_GROUP = 0x5647;

/**
 * How many frames of one kind the kernel passes on, so that a flood costs dom0 no more than its drops. What
 * one kind is, the backend says: of nftables a port and a reason.
 */
export const DROP_LOG_LIMIT = { perSecond: 5, burst: 10 } as const;

/** What a rule of ours puts beside the frame, when all else is told by hook and mark. */
export const DROP_LOG_PREFIX = 'vifguard';

/** The same with all else. */
export function dropLogPrefix(way: DropWay, reason: Reason): string {
  return [DROP_LOG_PREFIX, way, reason].join('/');
}

/** Undefined for the prefix of somebody else's rule. */
export function parseDropLogPrefix(text: string): { way?: DropWay; reason?: Reason } | undefined {
  if (text === DROP_LOG_PREFIX) return {};
  const [prefix, way, reason = '', ...more] = text.split('/');
  const isOurs = prefix === DROP_LOG_PREFIX && (way === 'from' || way === 'to') && more.length === 0;
  return isOurs && Object.hasOwn(REASONS, reason) ? { way, reason: reason as Reason } : undefined;
}
