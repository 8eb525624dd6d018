import type { IpPrefix } from '../address/ip.ts';
import { type MacAddress, parseMac } from '../address/mac.ts';
import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import type {
  AddressSet,
  Dom0Access,
  LinkLocal,
  Mode,
  Peers,
  Role,
  VirtualRouter,
} from '../policy/guard-policy.ts';
import { parseAddressSet, parseGuestAddress } from '../policy/guest-address.ts';
import { parseVirtualRouter } from '../policy/virtual-router.ts';
import { parseVlan } from '../policy/vlan.ts';
import { DOM0_ACCESS, LINK_LOCAL, MODES, PEERS, parseSwitch, parseWord } from '../policy/vocabulary.ts';
import { ConfigError, readAt } from './config-error.ts';
import { suggest } from './did-you-mean.ts';
import { findField, type SpecField, splitSpec, splitWords } from './vif-spec.ts';
import type { Comment } from './xlcfg-lexer.ts';
import { positionIn, type XlConfig, type XlString } from './xlcfg-parser.ts';

/** What a domain's config says about one vif; what it does not say is left to the host's defaults. */
export interface Directives {
  readonly mode?: Mode;
  readonly dhcp?: boolean;
  readonly peers?: Peers;
  readonly dom0?: Dom0Access;
  readonly linkLocal?: LinkLocal;
  /** Beside those of the vif's own `ip=`. */
  readonly ip?: AddressSet;
  readonly extraMacs?: readonly MacAddress[];
  readonly roles?: readonly Role[];
  readonly virtualRouters?: readonly VirtualRouter[];
  readonly vlan?: number;
}

/** Roles that are named as such; `vrrp` comes with its own key, as it needs a VRID and addresses. */
const NAMED_ROLES = ['router', 'dhcp-server'] as const satisfies readonly Role[];

type Reader = (value: string) => Directives;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['mode', (value) => ({ mode: parseWord(value, MODES) })],
  ['dhcp', (value) => ({ dhcp: parseSwitch(value) })],
  ['peers', (value) => ({ peers: parseWord(value, PEERS) })],
  ['dom0', (value) => ({ dom0: parseWord(value, DOM0_ACCESS) })],
  ['link-local', (value) => ({ linkLocal: parseWord(value, LINK_LOCAL) })],
  ['ip', (value) => ({ ip: parseAddressSet(splitWords(value)) })],
  ['mac', (value) => ({ extraMacs: splitWords(value).map(parseMac) })],
  ['role', (value) => ({ roles: splitWords(value).map((word) => parseWord(word, NAMED_ROLES)) })],
  ['vlan', (value) => ({ vlan: parseVlan(value) })],
  ['vrrp', (value) => ({ virtualRouters: [parseVirtualRouter(splitWords(value))] })],
]);

const XL_MAC = /^[0-9a-f]{1,2}(?:[^0-9a-f][0-9a-f]{1,2}){5}(?![0-9a-f])/i;

const LEGACY_KEY = 'ipv6=';

/** The one key that may be given several times: a guest can back several virtual routers. */
const REPEATABLE = 'vrrp';

/**
 * Reads one entry of `vifguard = [ ... ]`, such as `dhcp=on,peers=open,dom0=icmp`.
 *
 * @throws ConfigError with the place of the key that is unknown, repeated or has a bad value.
 */
export function parseDirectives(file: string, entry: XlString): Directives {
  const fields = splitSpec(entry.text);
  refuseRepeated(file, entry, fields);
  const readings = fields.map((field) => readField(file, entry, field));
  const virtualRouters = readings.flatMap((reading) => reading.virtualRouters ?? []);
  const directives: Directives = readings.reduce<Directives>(
    (all, reading) => Object.assign(all, reading),
    {},
  );
  return virtualRouters.length === 0 ? directives : { ...directives, virtualRouters };
}

function refuseRepeated(file: string, entry: XlString, fields: readonly SpecField[]): void {
  const seen = new Set<string>();
  for (const { key, offset } of fields) {
    if (seen.has(key) && key !== REPEATABLE) {
      const at = positionIn(entry, offset);
      throw new ConfigError({ file, at, problem: `vifguard key ${quote(key)} stands twice in one entry` });
    }
    seen.add(key);
  }
}

function readField(file: string, entry: XlString, { key, value, offset }: SpecField): Directives {
  const at = positionIn(entry, offset);
  const reader = READERS.get(key);
  if (reader === undefined) {
    const problem = `unknown vifguard key ${quote(key)}`;
    throw new ConfigError({ file, at, problem, advice: suggest(key, [...READERS.keys()]) });
  }
  if (value === undefined) {
    const problem = `vifguard key "${key}" has no value`;
    throw new ConfigError({ file, at, problem, advice: `write ${key}=VALUE` });
  }
  return readAt(file, positionIn(entry, offset + key.length + 1), () => reader(value));
}

/**
 * The strings of a list setting, as xl sees them: it stops at the first item that is no string, and
 * a single value in place of a list counts as absent.
 */
export function stringItems(config: XlConfig, name: string): readonly XlString[] {
  const value = config.settings.get(name)?.value;
  if (value?.kind !== 'list') return [];
  const end = value.items.findIndex((item) => item.kind !== 'string');
  return value.items.slice(0, end < 0 ? undefined : end).filter((item) => item.kind === 'string');
}

/** What the host knows of a vif, from its backend path in xenstore. */
export interface VifPlace {
  /** xl's devid: the position in the config's `vif = [ ... ]`. */
  readonly handle: number;
  readonly mac: MacAddress;
}

/**
 * What a domain's config says of one vif: the entry of `vifguard` at its position, `vlan=` of its spec, which
 * xl before 4.19 does not know and leaves out, and the 2008 form. Nothing for a vif that is not in the
 * config's own list: one beyond its end, or one with another MAC than the spec at its position, was put
 * there by `xl network-attach`.
 *
 * @throws ConfigError when the entry or the 2008 form cannot be used.
 */
export function vifDirectives(config: XlConfig, vif: VifPlace): Directives {
  const spec = specOf(config, vif);
  if (spec === undefined) return {};
  const entry = guardEntries(config)[vif.handle];
  const directives = entry === undefined ? {} : parseDirectives(config.file, entry);
  const vlan = vlanOf(config.file, spec, entry);
  const legacy = legacyAddresses(config);
  const { ip } = directives;
  return {
    ...directives,
    ...(vlan === undefined ? {} : { vlan }),
    ...(legacy.length === 0 ? {} : { ip: ip === 'any' ? ip : [...(ip ?? []), ...legacy] }),
  };
}

/**
 * The VLAN that a vif's spec and its entry say.
 *
 * @throws ConfigError when that of the spec is none, or when they differ: which of them held would depend on xl.
 */
export function vlanOf(file: string, spec: XlString, entry?: XlString): number | undefined {
  const own = entry && parseDirectives(file, entry).vlan;
  const field = findField(spec.text, 'vlan');
  const text = field?.value ?? '';
  if (field === undefined || text === '') return own;
  const at = positionIn(spec, field.offset);
  const vlan = readAt(file, at, () => parseVlan(text));
  if (own === undefined || own === vlan) return vlan;
  const problem = `vlan=${text}, and its vifguard entry says vlan=${own}`;
  throw new ConfigError({ file, at, problem, advice: 'keep one of them' });
}

/** The spec of a vif, if it is in the config's own list. */
export function specOf(config: XlConfig, { handle, mac }: VifPlace): XlString | undefined {
  const spec = stringItems(config, 'vif')[handle];
  return spec !== undefined && isSpecOf(mac, spec.text) ? spec : undefined;
}

/** A spec without `mac=` gets a random MAC from libxl, so it may be of any. */
function isSpecOf(mac: MacAddress, spec: string): boolean {
  const text = findField(spec, 'mac')?.value;
  return text === undefined || normalizeXlMac(text) === mac;
}

/**
 * A MAC as xl reads it (xl_parse.c): hex numbers with any one character between them, and anything
 * behind the sixth. In colon form, not checked further; undefined when xl would not read it.
 */
export function normalizeXlMac(text: string): string | undefined {
  const pairs = XL_MAC.exec(text)?.[0].match(/[0-9a-f]{1,2}/gi);
  return pairs?.map((pair) => pair.toLowerCase().padStart(2, '0')).join(':');
}

/**
 * The entries of `vifguard`, by position.
 *
 * @throws ConfigError when it is no list of strings.
 */
export function guardEntries(config: XlConfig): readonly XlString[] {
  const entries = stringItems(config, 'vifguard');
  const value = config.settings.get('vifguard')?.value;
  const odd = value?.kind === 'string' ? value : value?.items[entries.length];
  if (odd === undefined) return entries;
  const problem = odd.kind === 'string' ? 'vifguard is a single value' : 'vifguard holds a list in a list';
  const advice = "write one text for each vif: vifguard = [ '...', '...' ]";
  throw new ConfigError({ file: config.file, at: odd.at, problem, advice });
}

/**
 * The addresses of the 2008 form, comment lines `#ipv6=ADDRESS`. They do not say which vif they are
 * for, so they are the only vif's.
 *
 * @throws ConfigError when an address is bad, or the domain has several vifs.
 */
export function legacyAddresses(config: XlConfig): readonly IpPrefix[] {
  const { file } = config;
  const lines = legacyLines(config);
  const [first] = lines;
  const vifs = stringItems(config, 'vif').length;
  if (first !== undefined && vifs > 1) {
    const problem = `#ipv6= does not say for which of the domain's ${vifs} vifs it is`;
    const advice = "put the address in ip= of the vif's own spec";
    throw new ConfigError({ file, at: first.at, problem, advice });
  }
  return lines.map(({ text, at }) => readAt(file, at, () => parseLegacyAddress(text)));
}

/** The comments in the 2008 form; a comment behind a setting is none. */
export function legacyLines(config: XlConfig): readonly Comment[] {
  return config.comments.filter(({ text, ownLine }) => ownLine && text.startsWith(LEGACY_KEY));
}

function parseLegacyAddress(comment: string): IpPrefix {
  const text = comment.slice(LEGACY_KEY.length).trim();
  const address = parseGuestAddress(text);
  if (address.family === 6) return address;
  throw new InputError(`${quote(text)} is no IPv6 address; put it in ip= of the vif's own spec`);
}
