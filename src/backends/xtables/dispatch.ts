import type { Chains } from './chains.ts';

/**
 * As many ports stand in one chain; above that it branches. The root always does: rules that are not about
 * ports stand in it, too, so that a port at its end would have it written anew, and tools that take rules away
 * wait for the kernel to let go of them.
 */
const FULL = 16;

/**
 * The name lengths at which the tree branches. Three characters first, as odd vif names are rare; one
 * by one where domids count; then two by two, as the kernel allows 16 nested jumps in all.
 */
const BRANCHES = [3, 4, 5, 6, 7, 9, 11, 13];

/** A place in the tree of port names: what begins with a prefix. */
interface Node {
  readonly prefix: string;
  readonly branches: readonly string[];
  /** The ports that stand here. */
  readonly ports: readonly string[];
}

/**
 * The tree of names by which a frame gets to its port's chain in a few comparisons, however many ports
 * there are. A port that comes is most often one more name at the end of one node.
 *
 * @param touching only the nodes on the way to this port, which has come, changed or gone, and those beside
 *   it that have no branches: they come when a node branches, and go when it no longer does.
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
  /** The chain that a port's frames go to. */
  readonly leaf: (port: string) => string;
}

/** The tree as chains. */
export function dispatchChains({ root, option, tree, leaf }: Dispatch): Chains {
  const node = (prefix: string) => (prefix === '' ? root : `${root}:${prefix}+`);
  return new Map(
    tree.map(({ prefix, branches, ports }) => [
      node(prefix),
      [
        ...branches.map((branch) => `${option} ${branch}+ -j ${node(branch)}`),
        ...ports.map((port) => `${option} ${port} -j ${leaf(port)}`),
      ],
    ]),
  );
}

/** Names no longer than a prefix stay where they are. */
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
