import { REASONS, type Reason } from '../rules/reason.ts';

/** Whose rules dropped a frame: those for what comes from the guest, or for what goes to it. */
export type DropWay = 'from' | 'to';

/**
 * The NFLOG group that dropped frames are logged to (nfnetlink_log): "VG" in ASCII. Others use small numbers:
 * ulogd's examples 0 to 2, Calico 1 and 2.
 */
export const DROP_LOG_GROUP = 0x5647;

/**
 * How many frames the kernel logs of each port and reason, so that a flood costs dom0 little more than the drops,
 * and hides no others. With xtables each rule that drops has a limit of its own.
 */
export const DROP_LOG_LIMIT = { perSecond: 5, burst: 10 } as const;

/** The log prefix of a rule; with the way only when the hook, which is logged too, does not tell it. */
export function dropLogPrefix(reason: Reason, way?: DropWay): string {
  return ['vifguard', ...(way === undefined ? [] : [way]), reason].join('/');
}

/** Undefined for the prefix of a rule that is not ours. */
export function parseDropLogPrefix(text: string): { way?: DropWay; reason: Reason } | undefined {
  const [, way, reason = ''] = /^vifguard\/(?:(from|to)\/)?([a-z0-9-]+)$/.exec(text) ?? [];
  if (!Object.hasOwn(REASONS, reason)) return undefined;
  return { ...(way === 'from' || way === 'to' ? { way } : {}), reason: reason as Reason };
}
