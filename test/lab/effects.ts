import type { Namespace } from './netns.ts';

// What frames have done to a machine, as its kernel tells.

/** An entry of a neighbour table. */
export interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
  readonly dev: string;
  readonly state?: readonly string[];
  /** Present when the neighbour says it is a router. */
  readonly router?: null;
}

export interface Route {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
}

/** An entry of a bridge's forwarding database. */
export interface FdbEntry {
  readonly mac: string;
  readonly ifname: string;
  readonly master?: string;
  readonly state?: string;
  readonly vlan?: number;
  readonly flags?: readonly string[];
}

export async function neighbours(namespace: Namespace): Promise<Neighbour[]> {
  return JSON.parse(await namespace.run('ip', ['-j', 'neigh', 'show', 'nud', 'all']));
}

/** The link-layer address that the machine would use to reach an address. */
export async function neighbourMac(namespace: Namespace, address: string): Promise<string | undefined> {
  return (await neighbours(namespace)).find(({ dst }) => dst === address)?.lladdr;
}

/** The main table, of both families. */
export async function routes(namespace: Namespace): Promise<Route[]> {
  const outputs = await Promise.all(
    ['-4', '-6'].map((family) => namespace.run('ip', [family, '-j', 'route', 'show'])),
  );
  return outputs.flatMap((output) => JSON.parse(output || '[]'));
}

/** The addresses of an interface, as `192.0.2.43/24`. */
export async function addresses(namespace: Namespace, iface: string): Promise<string[]> {
  const links: { addr_info: { local: string; prefixlen: number }[] }[] = JSON.parse(
    await namespace.run('ip', ['-j', 'addr', 'show', 'dev', iface]),
  );
  return links.flatMap(({ addr_info }) => addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
}

/** The forwarding databases of a machine's bridges. */
export async function fdb(namespace: Namespace): Promise<FdbEntry[]> {
  return JSON.parse(await namespace.run('bridge', ['-j', 'fdb', 'show']));
}
