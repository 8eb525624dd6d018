import { REASONS, type Reason } from '../../rules/reason.ts';
import { DROP_LOG_GROUP, DROP_LOG_LIMIT, dropLogPrefix } from '../drop-log.ts';
import { type Chains, reasonChain, type Tables } from './chains.ts';

/** The rules that drop, for a reason, what a match in the tool's words says; every frame when it says nothing. */
export type Drop = (reason: Reason, match?: string) => readonly string[];

const LIMIT = `--limit ${DROP_LOG_LIMIT.perSecond}/sec --limit-burst ${DROP_LOG_LIMIT.burst}`;

/**
 * A rule that logs some, with a limit of its own, and one that drops all and counts them. No tool has a limit
 * by port, and the chain of the reason, which could look for the port, is walked by kernels such as Debian 12's
 * at each change, once for every rule that leads there (nft_chain_validate).
 */
const logAndDrop =
  (log: (reason: Reason) => string): Drop =>
  (reason, match = '') =>
    [log(reason), `-j ${reasonChain(reason)}`].map((words) => `${match} ${words}`.trimStart());

export const ebtablesDrop = logAndDrop((reason) => `${LIMIT} ${logOptions(reason)} -j CONTINUE`);
export const ip6tablesDrop = logAndDrop((reason) => `-m limit ${LIMIT} -j NFLOG ${logOptions(reason)}`);

function logOptions(reason: Reason): string {
  return `--nflog-group ${DROP_LOG_GROUP} --nflog-prefix ${dropLogPrefix(reason)}`;
}

/** The chains in which all drops end, one for each reason. */
export function reasonChains(): Partial<Tables> {
  const chains: Chains = new Map(
    (Object.keys(REASONS) as Reason[]).map((reason) => [reasonChain(reason), ['-j DROP']]),
  );
  return { 'ebtables nat': chains, 'ebtables filter': chains, 'ip6tables raw': chains };
}
