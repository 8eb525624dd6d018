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
 * comparisons, however many ports there are. A prefix has a chain when two ports or more begin with it.
 *
 * @param touching only the chains on the way to this port, which has come, changed or gone.
 */
export function dispatchTree(dispatch: Dispatch, touching?: string): Chains {
  const prefixes =
    touching === undefined ? [...new Set(dispatch.ports.flatMap(prefixesOf))] : prefixesOf(touching);
  const shared = prefixes
    .map((prefix) => ({ prefix, below: below(dispatch.ports, prefix) }))
    .filter((entry) => entry.below.length > 1);
  const nodes = [{ prefix: '', below: dispatch.ports }, ...shared];
  return new Map(nodes.map((entry) => [node(dispatch.root, entry.prefix), branches(dispatch, entry)]));
}

function prefixesOf(port: string): readonly string[] {
  return BRANCHES.filter((length) => length < port.length).map((length) => port.slice(0, length));
}

/** The ports that go on from a prefix. */
function below(ports: readonly string[], prefix: string): readonly string[] {
  return ports.filter((port) => port.length > prefix.length && port.startsWith(prefix));
}

function node(root: string, prefix: string): string {
  return prefix === '' ? root : `${root}:${prefix}+`;
}

function branches(
  dispatch: Dispatch,
  entry: { prefix: string; below: readonly string[] },
): readonly string[] {
  const { root, option, leaf } = dispatch;
  const length = BRANCHES.find((longer) => longer > entry.prefix.length) ?? Number.POSITIVE_INFINITY;
  const groups = new Map<string, string[]>();
  for (const port of entry.below) {
    const key = port.length > length ? `${port.slice(0, length)}+` : port;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [port]);
    else group.push(port);
  }
  return [...groups].map(([key, [first = '', ...others]]) =>
    others.length === 0 ? `${option} ${first} -j ${leaf(first)}` : `${option} ${key} -j ${root}:${key}`,
  );
}
