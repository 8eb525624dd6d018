import type { Chains } from './chains.ts';

/**
 * The name lengths at which the tree branches. Two characters first, as odd vif names are rare; one
 * by one where domids count; then two by two, as the kernel allows 16 nested jumps in all.
 */
const BRANCHES = [2, 4, 5, 6, 7, 9, 11, 13];

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
 * comparisons, however many ports there are.
 *
 * @param touching only the chains on the way to this port, changed or (having no children) empty.
 */
export function dispatchTree(dispatch: Dispatch, touching?: string): Chains {
  const prefixes =
    touching === undefined
      ? new Set(['', ...dispatch.ports.flatMap(prefixesOf)])
      : ['', ...prefixesOf(touching)];
  return new Map([...prefixes].map((prefix) => [node(dispatch.root, prefix), branches(dispatch, prefix)]));
}

function prefixesOf(port: string): readonly string[] {
  return BRANCHES.filter((length) => length < port.length).map((length) => port.slice(0, length));
}

function node(root: string, prefix: string): string {
  return prefix === '' ? root : `${root}:${prefix}+`;
}

function branches({ root, option, ports, leaf }: Dispatch, prefix: string): readonly string[] {
  const length = BRANCHES.find((longer) => longer > prefix.length) ?? Number.POSITIVE_INFINITY;
  const rules = ports
    .filter((port) => port.startsWith(prefix) && port !== prefix)
    .map((port) =>
      port.length <= length
        ? `${option} ${port} -j ${leaf(port)}`
        : `${option} ${port.slice(0, length)}+ -j ${node(root, port.slice(0, length))}`,
    );
  return [...new Set(rules)];
}
