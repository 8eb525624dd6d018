import { parseBridgeName, parseInterfaceName } from '../address/interface-name.ts';
import { parseMac } from '../address/mac.ts';
import { parseMtu } from '../address/mtu.ts';
import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import { parseAddressSet } from '../policy/guest-address.ts';
import { parseVlan } from '../policy/vlan.ts';
import { ConfigError, type Position } from './config-error.ts';
import { nearest } from './did-you-mean.ts';
import {
  type Directives,
  guardEntries,
  legacyAddresses,
  legacyLines,
  normalizeXlMac,
  parseDirectives,
  stringItems,
  vlanOf,
} from './directives.ts';
import { applySetting, DEFAULT_HOST_CONFIG, type PolicyDefaults } from './host-config.ts';
import { findField, type SpecField, splitSpec, splitWords } from './vif-spec.ts';
import { isVifGuard } from './xl-conf.ts';
import { parseXlcfg, positionIn, type XlConfig, type XlString } from './xlcfg-parser.ts';

export interface LintFinding extends Position {
  readonly file: string;
  /** An error keeps a vif from coming up; a warning is something that is probably not meant. */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What to do, where the message does not say so. */
  readonly advice?: string;
}

export interface DomainText {
  /** Its name in the findings. */
  readonly file: string;
  readonly text: string;
  readonly defaults: PolicyDefaults;
}

/** What is wrong with a host config; each error stops every vif of the host. */
export function lintHostConfig(file: string, text: string): LintFinding[] {
  const { value: config, findings } = collect(() => parseXlcfg(file, text));
  if (config === undefined) return findings;
  const bad = [...config.settings.values()].flatMap(
    (setting) => collect(() => applySetting(DEFAULT_HOST_CONFIG, file, setting)).findings,
  );
  return inOrder([...lintRepeated(config), ...bad]);
}

/** What is wrong with a domain's config, in the order of the file. */
export function lintDomainConfig({ file, text, defaults }: DomainText): LintFinding[] {
  const { value: config, findings } = collect(() => parseXlcfg(file, text));
  if (config === undefined) return findings;
  return inOrder([
    ...lintRepeated(config),
    ...lintShapes(config),
    ...lintLegacy(config),
    ...lintEntries(config),
    ...stringItems(config, 'vif').flatMap((spec) => lintSpec(file, spec)),
    ...lintVlans(config),
    ...lintAddressless(config, defaults),
  ]);
}

function inOrder(findings: readonly LintFinding[]): LintFinding[] {
  return [...findings].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** Runs a reader, and makes a finding of its ConfigError. */
function collect<Value>(read: () => Value): { value?: Value; findings: LintFinding[] } {
  try {
    return { value: read(), findings: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { findings: [lintFindingOf(error)] };
  }
}

/** An error as a finding; one without a place in its file counts as its first line. */
export function lintFindingOf({
  file,
  at = { line: 1, column: 1 },
  problem,
  advice,
}: ConfigError): LintFinding {
  return { file, ...at, severity: 'error', message: problem, ...(advice === undefined ? {} : { advice }) };
}

/** xl silently takes the last. */
function lintRepeated({ file, replaced }: XlConfig): LintFinding[] {
  return replaced.map(({ name, at, by }) =>
    warning(file, at, `setting "${name}" has no effect: line ${by.line} sets it again`, 'keep one of them'),
  );
}

function lintShapes(config: XlConfig): LintFinding[] {
  const vif = config.settings.get('vif');
  if (vif?.value.kind !== 'string') return nearMisses(config);
  const message = 'vif is a single value, which xl takes for no vif at all';
  return [...nearMisses(config), warning(config.file, vif.value.at, message, "write vif = [ '...' ]")];
}

/** xl ignores unknown settings, so nobody else reports a misspelt `vifguard`. */
function nearMisses({ file, settings }: XlConfig): LintFinding[] {
  return [...settings.values()]
    .filter(({ name }) => name !== 'vifguard' && nearest(name, ['vifguard']) !== undefined)
    .map(({ name, at }) => warning(file, at, `setting "${name}" has no effect`, 'did you mean "vifguard"?'));
}

function lintLegacy(config: XlConfig): LintFinding[] {
  const { findings } = collect(() => legacyAddresses(config));
  if (findings.length > 0) return findings;
  const homeless = stringItems(config, 'vif').length === 0;
  const message = homeless ? '#ipv6= has no effect: the domain has no vif' : '#ipv6= is the form of 2008';
  const advice = "put the address in ip= of the vif's own spec, beside IPv4 ones, with a blank between";
  return legacyLines(config).map(({ at }) => warning(config.file, at, message, advice));
}

function lintEntries(config: XlConfig): LintFinding[] {
  const { value: entries = [], findings } = collect(() => guardEntries(config));
  const vifs = stringItems(config, 'vif').length;
  const surplus = entries.slice(vifs).map(({ at }, index) => {
    const message = `vifguard has an entry ${vifs + index + 1}, and the domain has ${vifs} vifs`;
    return warning(config.file, at, message, 'one entry belongs to each vif, by position');
  });
  const bad = entries.flatMap((entry) => collect(() => parseDirectives(config.file, entry)).findings);
  return [...findings, ...bad, ...surplus];
}

function lintSpec(file: string, spec: XlString): LintFinding[] {
  return splitSpec(spec.text).flatMap((field) => {
    const at = positionIn(spec, field.offset);
    return [...lintSpecValue(file, at, field), ...lintScript(file, at, field)];
  });
}

const SPEC_READERS: Readonly<Record<string, (value: string) => unknown>> = {
  mac: (value) => parseMac(normalizeXlMac(value) ?? value),
  ip: (value) => parseAddressSet(splitWords(value)),
  bridge: parseBridgeName,
  vlan: (value) => value === '' || parseVlan(value),
  vifname: (value) => value === '' || parseInterfaceName(value),
  mtu: (value) => value === '' || parseMtu(value),
};

function lintSpecValue(file: string, at: Position, { key, value }: SpecField): LintFinding[] {
  const read = Object.hasOwn(SPEC_READERS, key) ? SPEC_READERS[key] : undefined;
  try {
    if (value !== undefined) read?.(value);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [{ file, ...at, severity: 'error', message: error.message }];
  }
}

function lintScript(file: string, at: Position, { key, value }: SpecField): LintFinding[] {
  if (key !== 'script' || value === undefined || isVifGuard(value)) return [];
  const message = `script=${quote(value)} is not vif-guard: this vif comes up unguarded`;
  return [
    warning(
      file,
      at,
      message,
      'take script= out, and set vif.default.script="vif-guard" in /etc/xen/xl.conf',
    ),
  ];
}

/** Where spec and entry are right by themselves, and differ. */
function lintVlans(config: XlConfig): LintFinding[] {
  const entries = collect(() => guardEntries(config)).value ?? [];
  return stringItems(config, 'vif').flatMap((spec, index) => {
    const alone = [
      collect(() => vlanOf(config.file, spec)),
      collect(() => entries[index] && parseDirectives(config.file, entries[index])),
    ];
    if (alone.some(({ findings }) => findings.length > 0)) return [];
    return collect(() => vlanOf(config.file, spec, entries[index])).findings;
  });
}

function lintAddressless(config: XlConfig, defaults: PolicyDefaults): LintFinding[] {
  const entries = collect(() => guardEntries(config)).value ?? [];
  const legacy = legacyLines(config).length > 0;
  return stringItems(config, 'vif').flatMap((spec, index) => {
    const entry = entries[index];
    const { value } = collect<Directives>(() =>
      entry === undefined ? {} : parseDirectives(config.file, entry),
    );
    const addressed =
      legacy || findField(spec.text, 'ip') !== undefined || value?.ip !== undefined || value?.virtualRouters;
    const mode = value?.mode ?? defaults.mode;
    if (value === undefined || addressed || mode !== 'locked') return [];
    const message = `vif ${index} is locked and has no address: it gets no IP at all`;
    const advice = "add ip=ADDRESS to the spec, or 'ip=any' to its vifguard entry";
    return [warning(config.file, spec.at, message, advice)];
  });
}

function warning(file: string, { line, column }: Position, message: string, advice: string): LintFinding {
  return { file, line, column, severity: 'warning', message, advice };
}
