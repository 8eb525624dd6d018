import type { Chains } from './chains.ts';

/**
 * At most so many ports share one chain before it branches by prefix. The root always branches: it also holds
 * rules that are not about ports, so a port in it would mean writing it anew, and a tool that deletes rules
 * waits until the kernel has released them.
 */
const FULL = 16;

/**
 * The name lengths at which the tree branches. First three characters, `vif`, as other names are rare; then one
 * at a time, where domids differ; then two at a time, as the kernel allows 16 nested jumps in all.
 */
const BRANCHES = [3, 4, 5, 6, 7, 9, 11, 13];

/** A place in the tree of port names: what begins with a prefix. */
interface Node {
  readonly prefix: string;
  readonly branches: readonly string[];
  /** The ports whose rules are in this node itself. */
  readonly ports: readonly string[];
}

/**
 * The tree of names by which a frame gets to its port's chain in a few comparisons, however many ports
 * there are. A new port is most often one more name at the end of one node.
 *
 * @param touching a port that was added, changed or removed: then only the nodes on the way to it, and their
 *   neighbours without branches, which appear when a node branches and disappear when it no longer does.
 */
export function nameTree(ports: readonly string[], touching?: string, prefix = ''): readonly Node[] {
  const length = BRANCHES.find((longer) => longer > prefix.length);
  const isLeaf = length === undefined || (prefix !== '' && ports.length <= FULL);
  const branches = isLeaf ? [] : [...branchesAt(length, ports)];
  const left = branches.length === 0 ? ports : ports.filter((port) => port.length <= (length ?? 0));
  return [
    { prefix, branches: branches.map(([branch]) => branch), ports: left },
    ...branches
      .filter(
        ([branch, members]) =>
          touching === undefined || touching.startsWith(branch) || members.length <= FULL,
      )
      .flatMap(([branch, members]) => nameTree(members, touching, branch)),
  ];
}

export interface Dispatch {
  readonly root: string;
  /** The option that matches a port by name: `-i`, `-o`, `-m physdev --physdev-in`. */
  readonly option: string;
  readonly tree: readonly Node[];
  /** The rules for a port's frames, which `match` tells by the name. */
  readonly rules: (port: string, match: string) => readonly string[];
}

/** The tree as chains. */
export function dispatchChains({ root, option, tree, rules }: Dispatch): Chains {
  const node = (prefix: string) => (prefix === '' ? root : `${root}:${prefix}+`);
  return new Map(
    tree.map(({ prefix, branches, ports }) => [
      node(prefix),
      [
        ...branches.map((branch) => `${option} ${branch}+ -j ${node(branch)}`),
        ...ports.flatMap((port) => rules(port, `${option} ${port}`)),
      ],
    ]),
  );
}

/** The ports by prefix; names that are no longer than the prefix stay in the node itself. */
function branchesAt(length: number, ports: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const branches = new Map<string, string[]>();
  for (const port of ports) {
    if (port.length <= length) continue;
    const prefix = port.slice(0, length);
    const branch = branches.get(prefix);
    if (branch === undefined) branches.set(prefix, [port]);
    else branch.push(port);
  }
  return branches;
}
