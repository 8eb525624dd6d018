import { quote } from '../address/quote.ts';
import type { Position } from './config-error.ts';
import { guardEntries, specOf, stringItems, type VifPlace } from './directives.ts';
import { findField, splitSpec } from './vif-spec.ts';
import { positionIn, type XlConfig, type XlString } from './xlcfg-parser.ts';

/** A change of one key of a vifguard entry. */
export interface KeyChange {
  readonly key: string;
  readonly value: string;
  /** Whether the value is added to the key's present value; otherwise it replaces it. */
  readonly adds: boolean;
}

/** The texts that a vif's policy is made of. */
export interface PolicyTexts {
  readonly vif: VifPlace;
  /** The domain's config, if there is one. */
  readonly domain: XlConfig | undefined;
  /** The host's config; `config` is undefined when there is no such file. */
  readonly host: { readonly file: string; readonly config: XlConfig | undefined };
  /** The vif's path in xenstore; undefined before the guest exists. */
  readonly backendPath: string | undefined;
}

/** A line of a config that would have to change. */
export interface Edit {
  /** `FILE:LINE:COLUMN`, a file, or `xenstore PATH`. */
  readonly where: string;
  readonly write: string;
  /** Where the host's default stands that it would overrule. */
  readonly overrules?: string;
}

/** Settings of the host config that are the defaults of keys. */
const HOST_SETTINGS = new Map([
  ['mode', 'mode'],
  ['dhcp', 'dhcp'],
  ['peers', 'peers'],
  ['dom0', 'dom0'],
  ['link-local', 'link_local'],
]);

/** Where a change of policy would have to be written, and what. */
export function editOf(change: KeyChange, texts: PolicyTexts): Edit {
  const { domain, vif } = texts;
  const spec = domain && specOf(domain, vif);
  return domain !== undefined && spec !== undefined
    ? domainEdit(change, { ...texts, domain, spec })
    : editWithoutDomain(change, texts);
}

interface DomainTexts extends PolicyTexts {
  readonly domain: XlConfig;
  readonly spec: XlString;
}

function domainEdit(change: KeyChange, texts: DomainTexts): Edit {
  const { domain, vif, spec } = texts;
  const { key, value } = change;
  const entry = guardEntries(domain)[vif.handle];
  const inEntry = entry && splitSpec(entry.text).find((field) => field.key === key);
  const inSpec = key === 'ip' ? findField(spec.text, key) : undefined;
  if (inSpec !== undefined)
    return at(domain, positionIn(spec, inSpec.offset), rewritten(change, inSpec.value));
  if (entry !== undefined && inEntry !== undefined && key !== 'vrrp') {
    return at(domain, positionIn(entry, inEntry.offset), rewritten(change, inEntry.value));
  }
  if (key === 'ip') return at(domain, spec.at, `add ip=${value} to the spec of vif ${vif.handle}`);
  const overruled = overruledBy(change, texts);
  const edit =
    entry === undefined
      ? at(domain, guardPosition(domain) ?? spec.at, `give vif ${vif.handle} ${newEntry(change, domain)}`)
      : at(domain, entry.at, `add ${key}=${value} to the vifguard entry of vif ${vif.handle}`);
  return overruled === undefined ? edit : { ...edit, overrules: overruled };
}

function rewritten({ key, value, adds }: KeyChange, present = ''): string {
  return adds ? `add ${value} to ${key}=` : `${key}=${value} in place of ${quote(`${key}=${present}`)}`;
}

function guardPosition(domain: XlConfig): Position | undefined {
  return domain.settings.get('vifguard')?.at;
}

/** Entries belong to vifs by position: those before it have to be there, if only empty. */
function newEntry({ key, value }: KeyChange, domain: XlConfig): string {
  const count = stringItems(domain, 'vif').length;
  const which = count > 1 ? ', at its place in the list' : '';
  return guardPosition(domain) === undefined
    ? `an entry vifguard = [ '${key}=${value}' ]${which}`
    : `a vifguard entry '${key}=${value}'${which}`;
}

function overruledBy({ key }: KeyChange, { host }: PolicyTexts): string | undefined {
  const setting = host.config?.settings.get(HOST_SETTINGS.get(key) ?? '');
  return setting && placeText(host.file, setting.at);
}

/** For a vif that is in no config, only xenstore and the host's defaults can change. */
function editWithoutDomain(change: KeyChange, texts: PolicyTexts): Edit {
  const { host, backendPath } = texts;
  const { key, value } = change;
  const setting = HOST_SETTINGS.get(key);
  if (setting !== undefined) {
    const write = `${setting} = "${value}", for every vif that does not say otherwise`;
    return { where: overruledBy(change, texts) ?? host.file, write };
  }
  if (key === 'ip' && backendPath !== undefined) {
    return { where: `xenstore ${backendPath}/ip`, write: `${rewrittenIp(change)} of the vif's spec` };
  }
  return {
    where: `${host.file}: domain_configs`,
    write: `a config there, with the domain's name, its vif, and vifguard = [ '${key}=${value}' ]`,
  };
}

function rewrittenIp({ value, adds }: KeyChange): string {
  return adds ? `add ${value} to ip=` : `ip=${value} in place of ip=`;
}

function at({ file }: XlConfig, position: Position, write: string): Edit {
  return { where: placeText(file, position), write };
}

function placeText(file: string, { line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
