import type { Chains } from './chains.ts';

/** As many ports stand in one chain; above that it branches. */
const FULL = 16;

/**
 * The name lengths at which the tree branches. Three characters first, as odd vif names are rare; one
 * by one where domids count; then two by two, as the kernel allows 16 nested jumps in all.
 */
const BRANCHES = [3, 4, 5, 6, 7, 9, 11, 13];

export interface Dispatch {
  readonly root: string;
  /** The option that matches a port by name: `-i`, `-o`, `-m physdev --physdev-in`. */
  readonly option: string;
  readonly ports: readonly string[];
  /** The chain that a port's frames go to. */
  readonly leaf: (port: string) => string;
}

/**
 * The chains of a tree over name prefixes that brings a frame to its port's chain in a few
 * comparisons, however many ports there are. A port that comes is most often one rule more at the end
 * of one chain.
 *
 * @param touching only the chains on the way to this port, which has come, changed or gone.
 */
export function dispatchTree(dispatch: Dispatch, touching?: string): Chains {
  return new Map(nodes(dispatch, { prefix: '', ports: dispatch.ports }, touching));
}

interface Node {
  readonly prefix: string;
  /** All that begin with the prefix. */
  readonly ports: readonly string[];
}

function nodes(
  dispatch: Dispatch,
  { prefix, ports }: Node,
  touching: string | undefined,
): (readonly [string, readonly string[]])[] {
  const { root, option, leaf } = dispatch;
  const length = BRANCHES.find((longer) => longer > prefix.length);
  const branches = ports.length <= FULL || length === undefined ? [] : branchesAt(length, ports);
  const inBranch = new Set(branches.flatMap((branch) => branch.ports));
  const rules = [
    ...branches.map((branch) => `${option} ${branch.prefix}+ -j ${nodeChain(root, branch.prefix)}`),
    ...ports.filter((port) => !inBranch.has(port)).map((port) => `${option} ${port} -j ${leaf(port)}`),
  ];
  return [
    [nodeChain(root, prefix), rules],
    ...branches
      .filter((branch) => touching === undefined || touching.startsWith(branch.prefix))
      .flatMap((branch) => nodes(dispatch, branch, touching)),
  ];
}

/** Names no longer than a prefix stay where they are. */
function branchesAt(length: number, ports: readonly string[]): readonly Node[] {
  const branches = new Map<string, string[]>();
  for (const port of ports) {
    if (port.length <= length) continue;
    const prefix = port.slice(0, length);
    const branch = branches.get(prefix);
    if (branch === undefined) branches.set(prefix, [port]);
    else branch.push(port);
  }
  return [...branches].map(([prefix, members]) => ({ prefix, ports: members }));
}

function nodeChain(root: string, prefix: string): string {
  return prefix === '' ? root : `${root}:${prefix}+`;
}
