import { type InterfaceName, parseInterfaceName } from '../address/interface-name.ts';
import { quote } from '../address/quote.ts';
import { BACKENDS, type BackendName } from '../backends/names.ts';
import { InputError } from '../errors.ts';
import type { Dom0Access, LinkLocal, Mode, Peers } from '../policy/guard-policy.ts';
import { DOM0_ACCESS, LINK_LOCAL, MODES, PEERS, parseSwitch, parseWord } from '../policy/vocabulary.ts';
import { ConfigError, readAt } from './config-error.ts';
import { readConfigText } from './config-file.ts';
import { suggest } from './did-you-mean.ts';
import { type MetricsAddress, parseMetricsAddress, parseTextfile } from './metrics-target.ts';
import { parseXlcfg, type XlSetting, type XlString } from './xlcfg-parser.ts';

export const HOST_CONFIG_PATH = '/etc/xen/vif-guard.conf';

/** What a vif gets when its domain's config does not say. */
export interface PolicyDefaults {
  readonly mode: Mode;
  readonly dhcp: boolean;
  readonly peers: Peers;
  readonly dom0: Dom0Access;
  readonly linkLocal: LinkLocal;
}

export interface HostConfig {
  /** What installs the packet filter on a host without guarded ports. */
  readonly backend: BackendName;
  /** Directories and files in which domains' configs are looked for. Absolute paths. */
  readonly domainConfigs: readonly string[];
  /** Ports of guest bridges that belong to no guest and are no uplink either. */
  readonly untrustedPorts: readonly InterfaceName[];
  /** Where `vifguard watch` serves metrics, and the file that it writes them to. */
  readonly metricsListen?: MetricsAddress;
  readonly metricsTextfile?: string;
  readonly defaults: PolicyDefaults;
}

/** What holds without a config file: the one place of vifguard's own defaults. */
export const DEFAULT_HOST_CONFIG: HostConfig = {
  backend: 'xtables',
  domainConfigs: ['/etc/xen', '/etc/xen/auto'],
  untrustedPorts: [],
  defaults: { mode: 'locked', dhcp: true, peers: 'isolated', dom0: 'allow', linkLocal: 'eui64' },
};

type Reader = (config: HostConfig, file: string, setting: XlSetting) => HostConfig;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['backend', single((config, text) => ({ ...config, backend: parseWord(text, BACKENDS) }))],
  ['domain_configs', list(parseAbsolutePath, (config, domainConfigs) => ({ ...config, domainConfigs }))],
  ['untrusted_ports', list(parseInterfaceName, (config, untrustedPorts) => ({ ...config, untrustedPorts }))],
  ['metrics_listen', optional(parseMetricsAddress, (metricsListen) => ({ metricsListen }))],
  ['metrics_textfile', optional(parseTextfile, (metricsTextfile) => ({ metricsTextfile }))],
  ['mode', policyDefault((text) => ({ mode: parseWord(text, MODES) }))],
  ['dhcp', policyDefault((text) => ({ dhcp: parseSwitch(text) }))],
  ['peers', policyDefault((text) => ({ peers: parseWord(text, PEERS) }))],
  ['dom0', policyDefault((text) => ({ dom0: parseWord(text, DOM0_ACCESS) }))],
  ['link_local', policyDefault((text) => ({ linkLocal: parseWord(text, LINK_LOCAL) }))],
]);

/**
 * Reads the host's config: the file VIFGUARD_CONF names, else /etc/xen/vif-guard.conf, whose absence
 * leaves everything at its default.
 *
 * @throws ConfigError when the file is bad, or when the one VIFGUARD_CONF names cannot be read.
 */
export function loadHostConfig(env: NodeJS.ProcessEnv = process.env): HostConfig {
  const file = hostConfigFile(env);
  const text = readConfigText(file);
  if (text !== undefined) return parseHostConfig(file, text);
  if (file === HOST_CONFIG_PATH) return DEFAULT_HOST_CONFIG;
  throw new ConfigError({
    file,
    problem: 'there is no such file',
    advice: 'correct VIFGUARD_CONF, or unset it',
  });
}

export function hostConfigFile({ VIFGUARD_CONF }: NodeJS.ProcessEnv = process.env): string {
  return VIFGUARD_CONF === undefined || VIFGUARD_CONF === '' ? HOST_CONFIG_PATH : VIFGUARD_CONF;
}

/** The same for taking something away: a host config that has gone bad must not keep a port open. */
export function loadHostConfigLeniently(): HostConfig {
  try {
    return loadHostConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return DEFAULT_HOST_CONFIG;
  }
}

/** @throws ConfigError at the first thing that is wrong. */
export function parseHostConfig(file: string, text: string): HostConfig {
  const settings = [...parseXlcfg(file, text).settings.values()];
  return settings.reduce((config, setting) => applySetting(config, file, setting), DEFAULT_HOST_CONFIG);
}

/** The config with one setting changed. @throws ConfigError when its name or value is not known. */
export function applySetting(config: HostConfig, file: string, setting: XlSetting): HostConfig {
  const reader = READERS.get(setting.name);
  if (reader !== undefined) return reader(config, file, setting);
  const problem = `unknown setting ${quote(setting.name)}`;
  throw new ConfigError({
    file,
    at: setting.at,
    problem,
    advice: suggest(setting.name, [...READERS.keys()]),
  });
}

function single(read: (config: HostConfig, text: string) => HostConfig): Reader {
  return (config, file, { name, value }) => {
    if (value.kind === 'string') return readAt(file, value.at, () => read(config, value.text));
    const problem = `${name} is a list, and should be a single value`;
    throw new ConfigError({ file, at: value.at, problem, advice: `write ${name} = "..."` });
  };
}

function list<Item>(
  read: (text: string) => Item,
  store: (config: HostConfig, items: readonly Item[]) => HostConfig,
): Reader {
  return (config, file, { name, value }) => {
    const items = value.kind === 'list' ? value.items : [value];
    const odd = value.kind === 'list' ? items.find((item) => item.kind === 'list') : value;
    if (odd !== undefined) {
      const problem = `${name} should be a list of texts`;
      throw new ConfigError({ file, at: odd.at, problem, advice: `write ${name} = [ "...", "..." ]` });
    }
    const texts = items.filter((item): item is XlString => item.kind === 'string');
    return store(
      config,
      texts.map(({ text, at }) => readAt(file, at, () => read(text))),
    );
  };
}

/** A setting that is absent when its text is empty. */
function optional<Value>(
  read: (text: string) => Value | undefined,
  store: (value: Value) => Partial<HostConfig>,
): Reader {
  return single((config, text) => {
    const value = read(text);
    return value === undefined ? config : { ...config, ...store(value) };
  });
}

function policyDefault(read: (text: string) => Partial<PolicyDefaults>): Reader {
  return single((config, text) => ({ ...config, defaults: { ...config.defaults, ...read(text) } }));
}

function parseAbsolutePath(text: string): string {
  if (text.startsWith('/')) return text;
  throw new InputError(`${quote(text)} is not an absolute path; let it begin with "/"`);
}
