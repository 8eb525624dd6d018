import { REASONS, type Reason } from '../../rules/reason.ts';
import { DROP_LOG_GROUP, DROP_LOG_LIMIT, dropLogPrefix } from '../drop-log.ts';
import { type Chains, reasonChain, type Tables } from './chains.ts';

/**
 * The chains in which all drops end, one for each reason, with one log limit for the whole reason. A limit for
 * each port would need a rule for each port in these chains, and kernels such as Debian 12's walk them at each
 * change, once for every rule that leads there (nft_chain_validate). That is also why the chains are short.
 */
export function reasonChains(): Partial<Tables> {
  const ebtables = chains((log) => `-j DROP ${LIMIT} ${log}`);
  const ip6tables = chains((log) => `-m limit ${LIMIT} -j NFLOG ${log}`);
  return { 'ebtables nat': ebtables, 'ebtables filter': ebtables, 'ip6tables raw': ip6tables };
}

const LIMIT = `--limit ${DROP_LOG_LIMIT.perSecond}/sec --limit-burst ${DROP_LOG_LIMIT.burst}`;

/** @param logging the rule that logs some, as `log` says. */
function chains(logging: (log: string) => string): Chains {
  const reasons = Object.keys(REASONS) as Reason[];
  return new Map(
    reasons.map((reason) => {
      const log = `--nflog-group ${DROP_LOG_GROUP} --nflog-prefix ${dropLogPrefix(reason)}`;
      return [reasonChain(reason), [logging(log), '-j DROP']];
    }),
  );
}
