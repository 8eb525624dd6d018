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

/** What a rule of ours puts beside the frame; the way only when the hook, which is there, too, does not tell it. */
export function dropLogPrefix(reason: Reason, way?: DropWay): string {
  return ['vifguard', ...(way === undefined ? [] : [way]), reason].join('/');
}

/** Undefined for the prefix of somebody else's rule. */
export function parseDropLogPrefix(text: string): { way?: DropWay; reason: Reason } | undefined {
  const [, way, reason = ''] = /^vifguard\/(?:(from|to)\/)?([a-z0-9-]+)$/.exec(text) ?? [];
  if (!Object.hasOwn(REASONS, reason)) return undefined;
  return { ...(way === 'from' || way === 'to' ? { way } : {}), reason: reason as Reason };
}
