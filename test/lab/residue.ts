import { execa } from 'execa';
import type { Lab } from './lab.ts';

/** Sorted lines by what they are a listing of; comparable with deepEqual. */
export type Residue = Readonly<Record<string, readonly string[]>>;

const LISTINGS = {
  nftables: 'nft --stateless list ruleset',
  ebtables: 'ebtables-save',
  ip6tables: 'ip6tables-save',
  iptables: 'iptables-save',
  fdb: 'bridge fdb show',
  links: 'ip -o -d link show',
  qdiscs: 'tc qdisc show',
  sysctls: 'grep -rs . /proc/sys/net/bridge || true',
  'state files':
    'find /run -path /run/netns -prune -o -type f -print ! -name generation -exec cat {} + || true; echo',
  'named namespaces': 'ls /run/netns',
} as const;

/** Reads everything that a guard puts into dom0 and that could outlast its guest. */
export async function readResidue(lab: Lab): Promise<Residue> {
  // A listing that fails would be the same before and after; but a kernel may lack sysctls, and a file go meanwhile.
  const script = Object.entries(LISTINGS).map(([name, command]) => `echo '=== ${name}'; ${command}`);
  const [output, xenstore] = await Promise.all([
    lab.dom0.namespace.run('sh', ['-ec', script.join('\n')]),
    xenstoreTree(lab),
  ]);
  const sections = output
    .split(/^=== /m)
    .slice(1)
    .map((section) => section.split('\n'));
  const listings = sections.map(([name = '', ...lines]) => [
    name,
    lines.filter(isLasting).map(normal).sort(),
  ]);
  return { ...Object.fromEntries(listings), xenstore };
}

/** Leaves out what comes and goes by itself: comments, group filters, addresses learned from the uplink. */
function isLasting(line: string): boolean {
  return line !== '' && !line.startsWith('#') && !/ self permanent|dev uplink\d+ master \S+ *$/.test(line);
}

/** Without counters, and without the ages and numbers of a device. */
function normal(line: string): string {
  return line
    .replace(/\[\d+:\d+\]/, '')
    .replace(/ -c \d+ \d+|,? ?pcnt = \d+ -- bcnt = \d+/g, '')
    .replace(/^(\d+: )(\S+?)(@if\d+)?:/, '$2:')
    .replace(/ \w+_timer +[\d.]+/g, '')
    .replace(/ promiscuity \d+| allmulti \d+/g, '');
}

async function xenstoreTree(lab: Lab): Promise<string[]> {
  const { stdout } = await execa('xenstore-ls', ['-f', '/'], { env: lab.store.env });
  return stdout.split('\n').sort();
}
