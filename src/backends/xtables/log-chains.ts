import { REASONS, type Reason } from '../../rules/reason.ts';
import { DROP_LOG_GROUP, DROP_LOG_LIMIT, DROP_LOG_PREFIX } from '../drop-log.ts';
import { type Chains, ROOT, reasonChain, type Tables } from './chains.ts';
import { dispatchChains, nameTree } from './dispatch.ts';
import { hex, verdictMark } from './marks.ts';

type Tool = 'ebtables' | 'ip6tables';

/**
 * The chains in which all drops end, one for each reason. They log some: so many a second for the reason, and
 * beyond that, of frames from guests, so many a second for each port. A guest that floods spends what its
 * port and its reasons have, and so hides no other guest's drops. A limit for each port and reason would take
 * ebtables dozens of rules more for every port. The frame's mark says the reason, as a port's rule logs for all.
 */
export function reasonChains(): Partial<Tables> {
  return {
    'ebtables nat': dropChains('ebtables'),
    'ebtables filter': dropChains('ebtables'),
    'ip6tables raw': new Map([...dropChains('ip6tables'), [LOG_AND_DROP, [`-j NFLOG ${NFLOG}`, '-j DROP']]]),
  };
}

/** The limits of the ports. The tree is flat: the chains that call it are deep in another one already. */
export function logTrees(ports: readonly string[], touching?: string): Partial<Tables> {
  const tree = nameTree(ports, touching, [TWO_DIGITS_OF_DOMID]);
  const chains = (option: string, log: string): Chains =>
    dispatchChains({ root: ROOT.log, option, tree, leaf: () => log });
  const byEbtables = chains('-i', `DROP ${LIMIT} ${NFLOG}`);
  return {
    'ebtables nat': byEbtables,
    'ebtables filter': byEbtables,
    'ip6tables raw': chains('-m physdev --physdev-in', `NFLOG ${NFLOG} -m limit ${LIMIT}`),
  };
}

const TWO_DIGITS_OF_DOMID = 'vif10'.length;

const LIMIT = `--limit ${DROP_LOG_LIMIT.perSecond}/sec --limit-burst ${DROP_LOG_LIMIT.burst}`;
const NFLOG = `--nflog-group ${DROP_LOG_GROUP} --nflog-prefix ${DROP_LOG_PREFIX}`;

/** ip6tables: what ebtables does in one rule. */
const LOG_AND_DROP = 'vg-log-drop';

function dropChains(tool: Tool): Chains {
  const reasons = Object.keys(REASONS) as Reason[];
  return new Map(reasons.map((reason) => [reasonChain(reason), dropRules(tool, hex(verdictMark(reason)))]));
}

function dropRules(tool: Tool, mark: string): readonly string[] {
  const logged =
    tool === 'ebtables'
      ? [`-j mark --mark-set ${mark} --mark-target CONTINUE`, `-j DROP ${LIMIT} ${NFLOG}`]
      : [`-j MARK --set-xmark ${mark}/0xffffffff`, `-j ${LOG_AND_DROP} -m limit ${LIMIT}`];
  return [...logged, `-j ${ROOT.log}`, '-j DROP'];
}
