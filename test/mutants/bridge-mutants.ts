import { type Mutant, replacing, type Unobservable } from './mutant.ts';

const FILE = 'src/port/bridge-layer.ts';
const RESTORED = ['a second online *'];

/** The settings of a guarded port, and the tests of their effect. A new port has the others as they should be. */
const SETTINGS: Readonly<Record<string, Pick<Mutant, 'tests' | 'titles'>>> = {
  isolated: { tests: ['attacks/layers'], titles: ['peers=isolated*'] },
  locked: { tests: ['attacks/layers'], titles: ['the bridge alone: a MAC*'] },
  learning: { tests: ['attacks/layers'], titles: ['forged sources*'] },
  flood: { tests: ['attacks/to-guest'], titles: ['flooded unicast, by the bridge*'] },
  mcastRouter: { tests: ['attacks/layers'], titles: ['no frame makes*'] },
  guard: { tests: ['attacks/layers'], titles: ['a superior BPDU*'] },
  groupFwdMask: { tests: ['attacks/link'], titles: ['bridge groups'] },
  rootBlock: { tests: ['attacks/layers'], titles: RESTORED },
  mcastFlood: { tests: ['attacks/layers'], titles: RESTORED },
  bcastFlood: { tests: ['attacks/layers'], titles: RESTORED },
  mcastToUnicast: { tests: ['attacks/layers'], titles: RESTORED },
  fastLeave: { tests: ['attacks/layers'], titles: RESTORED },
  hairpin: { tests: ['attacks/layers'], titles: RESTORED },
  proxyArp: { tests: ['attacks/layers'], titles: RESTORED },
  neighSuppress: { tests: ['attacks/layers'], titles: RESTORED },
};

const settings: readonly Mutant[] = Object.entries(SETTINGS).map(([name, tests]) => ({
  name: `bridge port: ${name}`,
  file: FILE,
  // Six blanks: in what `bridgeLayer` gives, not in PLAIN.
  edit: replacing(new RegExp(`^ {6}${name}: .*\\n`, 'm'), ''),
  ...tests,
}));

export const BRIDGE_MUTANTS: readonly Mutant[] = [
  ...settings,
  ...[/arp: false/, /group: GUEST_GROUP/].map((part) => ({
    name: `off the bridge: ${part.source}`,
    file: FILE,
    edit: replacing(part, part.source.startsWith('arp') ? 'arp: true' : 'group: 0'),
    tests: ['port/off-bridge'],
    titles: ['*: dom0 takes nothing *'],
  })),
  {
    name: 'FDB: the pinned entry',
    file: FILE,
    edit: replacing(/^.*await rtnetlink\.replaceFdb\(.*\n/m, ''),
    tests: ['attacks/layers'],
    titles: ['the bridge alone: the guest*'],
  },
  {
    name: 'FDB: what a port on the bridge has learned goes, and what was pinned',
    file: FILE,
    edit: replacing(/^.*await rtnetlink\.flushFdb\(.*\n.*await unpin\(.*\n/m, ''),
    tests: ['attacks/layers'],
    titles: ['what a port has learned*'],
  },
  {
    name: 'FDB: a vif whose tap has been unplugged has its MAC pinned',
    file: 'src/host/restoration.ts',
    edit: replacing(/(?<=if \()record\.kind !== 'tap'(?= \|\| twin)/, 'true'),
    tests: ['traffic/handover'],
    titles: ['an HVM guest*'],
  },
  {
    name: 'FDB: what was pinned goes',
    file: FILE,
    edit: replacing(/^.*await unpin\(.*\n/m, ''),
    tests: ['port/bridge-layer'],
    titles: ['a further MAC *'],
  },
];

export const UNOBSERVABLE_IN_THE_BRIDGE: readonly Unobservable[] = [
  {
    name: 'FDB: flushed',
    why: 'what it leaves is deleted one by one; a flush is one request for thousands',
  },
  {
    name: 'bridge port: rootBlock, its effect',
    why: 'BPDU guard disables the port at the first BPDU; that online restores the flag is tested',
  },
];
