import { REASONS, type Reason } from '../../rules/reason.ts';
import { DROP_LOG_GROUP, DROP_LOG_LIMIT, DROP_LOG_PREFIX } from '../drop-log.ts';
import { type Chains, reasonChain, type Tables } from './chains.ts';
import { hex, verdictMark } from './marks.ts';

type Tool = 'ebtables' | 'ip6tables';

/**
 * The chains in which all drops end, one for each reason. They log so many a second for the reason. A limit
 * for each port would take a rule for each, which every drop of every port leads to: kernels
 * such as Debian 12's walk them all, once for every such way, at each change (nft_chain_validate).
 */
export function reasonChains(): Partial<Tables> {
  return {
    'ebtables nat': dropChains('ebtables'),
    'ebtables filter': dropChains('ebtables'),
    'ip6tables raw': new Map([...dropChains('ip6tables'), [LOG_AND_DROP, [`-j NFLOG ${NFLOG}`, '-j DROP']]]),
  };
}

const LIMIT = `--limit ${DROP_LOG_LIMIT.perSecond}/sec --limit-burst ${DROP_LOG_LIMIT.burst}`;
const NFLOG = `--nflog-group ${DROP_LOG_GROUP} --nflog-prefix ${DROP_LOG_PREFIX}`;

/** ip6tables: what ebtables does in one rule. */
const LOG_AND_DROP = 'vg-log-drop';

function dropChains(tool: Tool): Chains {
  const reasons = Object.keys(REASONS) as Reason[];
  return new Map(reasons.map((reason) => [reasonChain(reason), dropRules(tool, hex(verdictMark(reason)))]));
}

/** The frame's mark says the reason. */
function dropRules(tool: Tool, mark: string): readonly string[] {
  const logged =
    tool === 'ebtables'
      ? [`-j mark --mark-set ${mark} --mark-target CONTINUE`, `-j DROP ${LIMIT} ${NFLOG}`]
      : [`-j MARK --set-xmark ${mark}/0xffffffff`, `-j ${LOG_AND_DROP} -m limit ${LIMIT}`];
  return [...logged, '-j DROP'];
}
