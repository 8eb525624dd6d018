import { parsePrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import type { GuardPolicy } from '../../src/policy/guard-policy.ts';
import type { Rule, RuleSet, Stage } from '../../src/rules/rule.ts';
import { ruleSet } from '../../src/rules/rule-set.ts';
import { type Mutant, replacing } from './mutant.ts';

const POLICY: GuardPolicy = {
  mode: 'locked',
  mac: parseMac('00:16:3e:00:01:00'),
  extraMacs: [],
  ipv4: [parsePrefix('192.0.2.41')],
  ipv6: [parsePrefix('2001:db8:0:ffff::41')],
  linkLocal: 'eui64',
  dhcp: true,
  peers: 'isolated',
  dom0: 'icmp',
  roles: [],
  virtualRouters: [],
};

/** Where a stage stands: `fromGuest.ipv6.3`. */
type Path = readonly (string | number)[];

interface Place {
  readonly path: Path;
  readonly stage: Stage;
}

function stagesOf(rules: RuleSet): readonly Place[] {
  const ways = [rules.fromGuest, rules.toGuest].flatMap((way, i) =>
    Object.entries(way).flatMap(([part, stages]: [string, readonly Stage[]]) =>
      stages.map((stage, index) => ({ path: [i === 0 ? 'fromGuest' : 'toGuest', part, index], stage })),
    ),
  );
  return [...ways, { path: ['toDom0'], stage: rules.toDom0 }];
}

const TESTS: readonly (readonly [RegExp, Pick<Mutant, 'tests' | 'titles'>])[] = [
  [/fromGuest\.(link|arp)/, { tests: ['attacks/link'] }],
  [/fromGuest\.ipv4\.2/, { tests: ['attacks/ipv4'], titles: ['what speaks for *', 'a DHCP answer *'] }],
  [/fromGuest\.ipv4/, { tests: ['attacks/ipv4'], titles: ['* sources *'] }],
  [/fromGuest\.ipv6\.[01]/, { tests: ['attacks/ipv6'], titles: ['* sources *'] }],
  [/fromGuest\.ipv6\.2/, { tests: ['attacks/ipv6'], titles: ['what speaks for *'] }],
  [
    /fromGuest\.ipv6\.[345]/,
    { tests: ['attacks/nd', 'attacks/ipv6'], titles: ['foreign *', 'extension *', 'header *'] },
  ],
  [/fromGuest\.ipv6/, { tests: ['attacks/ipv6'], titles: ['header *', 'what speaks for *'] }],
  [/toGuest\.link\.2/, { tests: ['attacks/layers'], titles: ['peers=isolated*'] }],
  [/toGuest/, { tests: ['attacks/to-guest'] }],
  [/toDom0/, { tests: ['attacks/dom0'] }],
];

const testsOf = (path: Path) => TESTS.find(([pattern]) => pattern.test(path.join('.')))?.[1] ?? { tests: [] };

/** As the mutant compares matches: bigint has no JSON. */
const KEY =
  "const key = (match: unknown) => JSON.stringify(match, (_, value) => (typeof value === 'bigint' ? String(value) : value));";

/** The rule set as it was, less what `change` takes out of the stage at a path. */
function without(path: Path, change: string): Mutant['edit'] {
  const wrapper = `
${KEY}
export function ruleSet(policy: GuardPolicy): RuleSet {
  const rules = structuredClone(whole(policy));
  const path = ${JSON.stringify(path)};
  const parent = path.slice(0, -1).reduce((part, step) => part[step], rules);
  const last = path[path.length - 1];
  const stage = parent[last];
  parent[last] = ${change};
  return rules;
}
`;
  const rename = replacing(/export function ruleSet\(/, 'function whole(');
  return (source) => rename(source) + wrapper;
}

const FILE = 'src/rules/rule-set.ts';

/** Stages that backends may take from where they are written, and not from a port's rule set. */
const SHARED: Readonly<Record<string, { file: string; constant: string; isList?: true }>> = {
  'fromGuest.ipv4.2': { file: 'network-roles', constant: 'RESTRICTIONS_IPV4', isList: true },
  'fromGuest.ipv6.1': { file: 'unspecified-source', constant: 'unspecifiedIpv6' },
  'fromGuest.ipv6.2': { file: 'network-roles', constant: 'RESTRICTIONS_IPV6', isList: true },
  'fromGuest.ipv6.6': { file: 'upper-layer', constant: 'upperLayer' },
};

/** What is left of a stage, in terms of `stage`; `rules` of its rules, in terms of `rule`. */
type Rest = { readonly stage: string } | { readonly rules: string };

/** A program in which less is left of a stage. */
function weakened(path: Path, rest: Rest): Pick<Mutant, 'file' | 'edit'> {
  const shared = SHARED[path.join('.')];
  const isKept = 'rules' in rest ? rest.rules : 'false';
  const change =
    'rules' in rest ? `{ ...stage, rules: stage.rules.filter((rule) => ${rest.rules}) }` : rest.stage;
  if (shared === undefined) return { file: FILE, edit: without(path, change) };
  const { file, constant, isList } = shared;
  const left = isList ? `stage.filter(({ rule }) => ${isKept})` : change;
  const rename = replacing(new RegExp(`export const ${constant}\\b`), `const whole_${constant}`);
  const wrapper = `
export const ${constant} = ((stage) => {
  ${KEY}
  return ${left};
})(whole_${constant});
`;
  return { file: `src/rules/from-guest/${file}.ts`, edit: (source) => rename(source) + wrapper };
}

function stageMutant({ path, stage }: Place): Mutant {
  return {
    name: `${path.join('.')} ${stage.name}`,
    ...weakened(path, { stage: `{ ...stage, rules: [], otherwise: 'pass' }` }),
    ...testsOf(path),
  };
}

/** As the mutant compares matches: bigint has no JSON. */
const key = (match: unknown) =>
  JSON.stringify(match, (_, value) => (typeof value === 'bigint' ? String(value) : value));

const isDrop = ({ verdict }: Rule) => typeof verdict !== 'string';

/**
 * Whether it takes nftables to notice: ip6tables looks for the ports of TCP and UDP once more (packet-end.ts), and
 * ebtables cannot look behind where options would be.
 */
const takesNftables = (path: Path, match: string) =>
  (path[1] === 'ipv6' && /^\{"protocol":(6|17)\}$/.test(match)) || match.includes('"plainDestinationPort"');

/** Each rule that drops, and the end of the stage when that drops, where there is more than one such thing. */
function dropMutants({ path, stage }: Place): readonly Mutant[] {
  const drops = stage.rules.filter(isDrop);
  const ends = typeof stage.otherwise === 'string' ? 0 : 1;
  if (drops.length + ends < 2) return [];
  const name = `${path.join('.')} ${stage.name}`;
  const rules = drops.map(({ match, verdict }) => ({
    name: `${name}: ${typeof verdict === 'string' ? verdict : verdict.drop} ${key(match)}`,
    ...weakened(path, {
      rules: `typeof rule.verdict === 'string' || key(rule.match) !== ${JSON.stringify(key(match))}`,
    }),
    ...testsOf(path),
    ...(takesNftables(path, key(match)) ? { backend: 'nftables' as const } : {}),
  }));
  const end = {
    name: `${name}: end`,
    ...weakened(path, { stage: `{ ...stage, otherwise: 'pass' }` }),
    ...testsOf(path),
  };
  return ends === 0 ? rules : [...rules, end];
}

/** What a frame must be to take a short cut past the stages: any of it left out is a way past them. */
const SHORT_CUT_FIELDS = {
  fromGuest: [
    'etherSource',
    'etherDestination',
    'source',
    'protocol',
    'sourcePortNot',
    'destinationPortNot',
    'plainDestinationPortNot',
  ],
  toGuest: ['etherDestination', 'destination', 'fromPeer', 'fromIsolated'],
} as const;

const shortCutMutants: readonly Mutant[] = (['fromGuest', 'toGuest'] as const).flatMap((way) =>
  SHORT_CUT_FIELDS[way].map((field) => ({
    name: `shortCuts.${way}: ${field}`,
    file: FILE,
    edit: without(
      ['shortCuts', way],
      `stage.map((match) => Object.fromEntries(Object.entries(match).filter(([name]) => name !== '${field}')))`,
    ),
    tests: ['rules/short-cuts'],
  })),
);

const inName = (mutants: readonly Mutant[]) => [
  ...new Map(mutants.map((mutant) => [mutant.name, mutant])).values(),
];

/** Rules that a policy has and the usual one has not, proven by tests of that policy. */
function extra(policy: Partial<GuardPolicy>, tests: Pick<Mutant, 'tests' | 'titles'>): readonly Mutant[] {
  const usual = new Set(inName(stagesOf(ruleSet(POLICY)).flatMap(dropMutants)).map(({ name }) => name));
  return inName(stagesOf(ruleSet({ ...POLICY, ...policy })).flatMap(dropMutants))
    .filter(({ name }) => !usual.has(name))
    .map((mutant) => ({ ...mutant, ...tests }));
}

const places = stagesOf(ruleSet(POLICY));

/** Every stage, and every single thing in them that drops. */
export const RULE_MUTANTS: readonly Mutant[] = [
  ...places.filter(({ stage }) => stage.rules.length > 0 || stage.otherwise !== 'pass').map(stageMutant),
  ...inName(places.flatMap(dropMutants)),
  ...shortCutMutants,
  ...extra({ dhcp: false }, { tests: ['attacks/ipv4', 'attacks/ipv6'], titles: ['a DHCP*'] }),
  ...extra({ ipv4: 'any', ipv6: 'any' }, { tests: ['attacks/modes'], titles: ['ip=any*'] }),
];
