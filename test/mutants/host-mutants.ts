import { type Mutant, replacing, type Unobservable } from './mutant.ts';

const FILE = 'src/backends/xtables/host-chains.ts';

interface HostMutant extends Pick<Mutant, 'tests' | 'titles'> {
  readonly pattern: RegExp;
  readonly replacement?: string;
}

const LAYERS = ['attacks/layers'];
const FLUSHED = ['ebtables’ nat *', 'ip6tables’ raw *', 'the bridge no longer *'];

const OFF_BRIDGE = { tests: ['port/off-bridge'], titles: ['*: dom0 takes nothing *'] };

const CHAINS: Readonly<Record<string, HostMutant>> = {
  'vg-forward: frames without the marks': {
    pattern: /(?<=\['vg-forward', \[)unmarked/,
    tests: LAYERS,
    titles: FLUSHED,
  },
  'vg-input: frames without the marks': {
    pattern: /unmarked, (?=`\$\{marked\(MARK\.restricted)/,
    tests: LAYERS,
    titles: FLUSHED,
  },
  'vg-input: the marks are cleared': {
    pattern: /(-j \$\{ROOT\.toDom0\}`), clear\]/,
    replacement: '$1]',
    tests: ['attacks/host'],
    titles: ['what dom0 routes *'],
  },
  'vg-in: what is for dom0 is marked': {
    pattern: /head: \[`--pkttype-type host.*/,
    replacement: 'head: [],',
    tests: ['attacks/host'],
    titles: ['dom0’s NAT *'],
  },
  'vg-in: ports that vifguard does not know are peers': {
    pattern: /^.*\.\.\.\[\.\.\.host\.untrustedPorts.*\n/m,
    tests: ['attacks/to-guest'],
    titles: ['a port that *'],
  },
  'vg-raw: bridged frames are not tracked': {
    pattern: /^.*-j CT --notrack.*\n/m,
    tests: ['attacks/host'],
    titles: ['dom0’s NAT *'],
  },
  'vg-raw: what comes from a port that has lost its bridge': {
    pattern: /^ +OFF_BRIDGE,\n/m,
    ...OFF_BRIDGE,
  },
  'vg-raw: ip6tables judges what ebtables could not': {
    pattern: /`\$\{pending\} -j \$\{ROOT\.neighborDiscovery\}`,/,
    tests: ['attacks/nd'],
    titles: ['foreign *'],
  },
  'ip6tables FORWARD: what is only bridged is accepted': {
    pattern: /names\.map\(\(bridge\) => `-i \$\{bridge\} -m physdev --physdev-is-bridged -j ACCEPT`\)/,
    replacement: '[]',
    tests: ['attacks/host'],
    titles: ['a FORWARD policy *'],
  },
};

/** The built-in chains, each with the test that needs it hooked. */
const HOOKS: Readonly<Record<string, HostMutant>> = {
  'ebtables nat PREROUTING': {
    pattern: /chain: 'PREROUTING', rule: `-j \$\{ROOT\.fromGuest\}`/,
    replacement: "chain: 'PREROUTING', rule: '-j CONTINUE'",
    tests: ['attacks/link'],
  },
  'ebtables filter FORWARD': {
    pattern: /(table: 'ebtables filter', chain: 'FORWARD', rule: ')-j vg-forward/,
    replacement: '$1-j CONTINUE',
    tests: LAYERS,
    titles: FLUSHED,
  },
  'ebtables filter INPUT': {
    pattern: /(chain: 'INPUT', rule: ')-j vg-input/,
    replacement: '$1-j CONTINUE',
    tests: ['attacks/dom0'],
  },
  'iptables raw PREROUTING': {
    pattern: /(chain: 'PREROUTING', rule: )OFF_BRIDGE/,
    replacement: "$1'-j LOG'",
    ...OFF_BRIDGE,
  },
  'ebtables nat POSTROUTING': {
    pattern: /chain: 'POSTROUTING', rule: `-j \$\{ROOT\.toGuest\}`/,
    replacement: "chain: 'POSTROUTING', rule: '-j CONTINUE'",
    tests: ['attacks/to-guest'],
  },
};

const inHostChains = (prefix: string, mutants: Readonly<Record<string, HostMutant>>): readonly Mutant[] =>
  Object.entries(mutants).map(([name, { pattern, replacement = '', ...tests }]) => ({
    name: `${prefix}${name}`,
    file: FILE,
    edit: replacing(pattern, replacement),
    ...tests,
  }));

/** What keeps a flood from hiding other drops. */
const LOGGING: readonly Mutant[] = [
  {
    name: 'ebtables: the limit of what each rule logs',
    file: 'src/backends/xtables/drops.ts',
    edit: replacing(/\$\{LIMIT\} (?=\$\{logOptions\(reason\)\} -j CONTINUE)/, ''),
    tests: ['monitor/monitor'],
    titles: ['xtables: a guest that floods *'],
  },
  {
    name: 'ip6tables: the limit of what each rule logs',
    file: 'src/backends/xtables/drops.ts',
    edit: replacing(/-m limit \$\{LIMIT\} /, ''),
    tests: ['monitor/monitor'],
    titles: ['xtables: a guest that floods *'],
  },
  {
    name: 'ebtables: a log of its own for each rule',
    file: 'src/backends/xtables/drops.ts',
    edit: replacing(/`\$\{LIMIT\} .* -j CONTINUE`/, "'-j CONTINUE'"),
    tests: ['monitor/monitor'],
    titles: ['xtables: each attack *'],
  },
  {
    name: 'nftables: a limit of its own for each port, of what is logged',
    file: 'src/backends/nftables/base-chains.ts',
    edit: replacing(/counter \$\{LOG_LIMIT\} \} \$\{log\}/, `counter } \${LOG_LIMIT} \${log}`),
    tests: ['monitor/monitor'],
    titles: ['nftables: a guest that floods *'],
  },
];

export const HOST_MUTANTS: readonly Mutant[] = [
  ...LOGGING,
  ...inHostChains('', CHAINS),
  ...inHostChains('hook: ', HOOKS),
  {
    name: 'nftables: what comes from a port that has lost its bridge',
    file: 'src/backends/nftables/off-bridge.ts',
    edit: replacing(/ drop`/, ' accept`'),
    ...OFF_BRIDGE,
    backend: 'nftables',
  },
  {
    name: 'nftables: what comes from a port and no chain of its own has judged',
    file: 'src/backends/nftables/base-chains.ts',
    edit: replacing(/, unfiltered\('from'\)\]\),/, ']),'),
    tests: ['backends/nftables/backend'],
    titles: ['a guarded port whose class is emptied*'],
    backend: 'nftables',
  },
  {
    name: 'nftables: a device by its index, whatever another is called',
    file: 'src/backends/nftables/table.ts',
    edit: replacing(/\.padStart\(16, '0'\)/, ''),
    tests: ['port/device'],
    titles: ['nftables: a device that is called like the number *'],
    backend: 'nftables',
  },
  {
    name: 'nftables: ports that the host config does not trust are peers',
    file: 'src/backends/nftables/match.ts',
    edit: replacing(/(?<=GUEST_GROUP\}`), \.\.\.untrusted/, ''),
    tests: ['attacks/to-guest'],
    titles: ['a port that the host config does not trust *'],
    backend: 'nftables',
  },
  {
    name: 'a port that has never been on its bridge waits for its event',
    file: 'src/host/restoration.ts',
    edit: replacing(/^.*KEPT_OUT\.group\) return undefined;\n/m, ''),
    tests: ['port/device'],
    titles: ['*: the watch does not put a port on its bridge *'],
  },
  {
    name: 'the bridge calls ip6tables',
    file: 'src/port/attach.ts',
    edit: replacing(/^.*nfCallIp6tables: true.*\n/m, ''),
    tests: ['attacks/lawful'],
  },
];

export const UNOBSERVABLE_IN_THE_HOST: readonly Unobservable[] = [
  {
    name: 'vg-raw: what no port’s chain has judged',
    why: 'its marks stay, and vg-forward and vg-input drop it for them; this only tells it earlier',
  },
];
