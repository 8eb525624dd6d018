import { readFileSync, statSync } from 'node:fs';
import { execa } from 'execa';
import { parsePrefix } from '../address/ip.ts';
import { parseMac } from '../address/mac.ts';
import { loadBackend } from '../backends/load.ts';
import type { BackendName } from '../backends/names.ts';
import { readConfigText } from '../config/config-file.ts';
import {
  DEFAULT_HOST_CONFIG,
  type HostConfig,
  hostConfigFile,
  loadHostConfig,
} from '../config/host-config.ts';
import { defaultScript, XL_CONF } from '../config/xl-conf.ts';
import { describeError, VifguardError } from '../errors.ts';
import type { Link } from '../netlink/link.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { stateDirectory } from '../port/registry.ts';
import { XenstoreClient } from '../xenstore/client.ts';
import type { FileFacts, HostFacts, Outcome } from './doctor.ts';
import type { Forwarding } from './forwarding.ts';

const SCRIPT = '/etc/xen/scripts/vif-guard';
const BRIDGE_NETFILTER = '/proc/sys/net/bridge';

/** Gathers what the doctor judges by. Changes nothing on the host; what cannot be read is a fact, too. */
export async function readHostFacts(): Promise<HostFacts> {
  const bridgeNetfilter = await readBridgeNetfilter();
  const config = readHostConfig();
  const { backend } = 'value' in config ? config.value : DEFAULT_HOST_CONFIG;
  const needsModule = (await loadBackend(backend)).bridgeNetfilter;
  const [tools, trial, xenstored, forwarding, links] = await Promise.all([
    Promise.all(TOOLS[backend].map(async (tool) => [tool, await attempt(tool, ['--version'])] as const)),
    // Matches on bridge ports would load the module, which switches every bridge of the host over.
    needsModule && bridgeNetfilter !== 'loaded' ? undefined : tryRules(backend),
    tryXenstored(),
    readForwarding(),
    readLinks(),
  ]);
  return {
    uid: process.getuid?.() ?? -1,
    nodeVersion: process.version,
    backend,
    tools: Object.fromEntries(tools),
    bridgeNetfilter,
    trial,
    xenstored,
    legacyTables: readLines('/proc/net/ip6_tables_names'),
    forwarding,
    links,
    config,
    defaultScript: readDefaultScript(),
    script: readFileFacts(SCRIPT),
    configFiles: configPaths(config).map(readFileFacts),
  };
}

const TOOLS: Readonly<Record<BackendName, readonly string[]>> = {
  xtables: ['ebtables-nft', 'ip6tables-nft'],
  nftables: ['nft'],
};

interface Command {
  readonly input?: string;
}

async function attempt(
  file: string,
  args: readonly string[],
  { input = '' }: Command = {},
): Promise<Outcome> {
  const { failed, stdout, stderr, shortMessage } = await execa(file, args, {
    input,
    timeout: 10_000,
    reject: false,
  });
  if (!failed) return { works: true, said: stdout.trim() };
  return { works: false, said: stderr.trim().split('\n')[0] || (shortMessage ?? `${file} failed`) };
}

async function readBridgeNetfilter(): Promise<HostFacts['bridgeNetfilter']> {
  if (readFileFacts(BRIDGE_NETFILTER).stat !== undefined) return 'loaded';
  const { works } = await attempt('modprobe', ['--dry-run', '--quiet', 'br_netfilter']);
  return works ? 'loadable' : 'absent';
}

/** A guest that needs every kind of match there is. */
const SAMPLE: GuardPolicy = {
  ...DEFAULT_HOST_CONFIG.defaults,
  mac: parseMac('00:16:3e:00:00:01'),
  extraMacs: [],
  ipv4: [parsePrefix('192.0.2.1')],
  ipv6: [parsePrefix('2001:db8::1')],
  dom0: 'icmp',
  roles: [],
  virtualRouters: [],
};

/** Checking for drift loads the sample's rules into a temporary network namespace. */
async function tryRules(backend: BackendName): Promise<Outcome> {
  const bridges = new Set(['xenbr0']);
  const host = {
    bridges,
    ports: new Map([['vif1.0', { index: 2, restricted: true, policy: () => SAMPLE }]]),
    isEmpty: false,
    restricted: () => ['vif1.0'],
    untrustedPorts: [],
  };
  try {
    await (await loadBackend(backend)).drift(host);
    return { works: true, said: '' };
  } catch (error) {
    return problem(error);
  }
}

async function tryXenstored(): Promise<Outcome> {
  try {
    const client = await XenstoreClient.open();
    try {
      await client.read('domid');
    } finally {
      client.close();
    }
    return { works: true, said: '' };
  } catch (error) {
    return problem(error);
  }
}

async function readForwarding(): Promise<Forwarding> {
  const [ipv4, ipv6, firewalld] = await Promise.all([
    linesOf('iptables-nft', ['-S']),
    linesOf('ip6tables-nft', ['-S']),
    linesOf('nft', ['list', 'table', 'inet', 'firewalld']),
  ]);
  const isCalled = (tables: string) => readLines(`${BRIDGE_NETFILTER}/bridge-nf-call-${tables}`)[0] === '1';
  return {
    filter: { IPv4: ipv4, IPv6: ipv6 },
    firewalld,
    calls: { IPv4: isCalled('iptables'), IPv6: isCalled('ip6tables') },
  };
}

/** None where the command fails: no such tool, or no such table. */
async function linesOf(file: string, args: readonly string[]): Promise<string[]> {
  const { works, said } = await attempt(file, args);
  return works ? said.split('\n').map((line) => line.trim()) : [];
}

async function readLinks(): Promise<readonly Link[]> {
  const rtnetlink = await openRtnetlink();
  try {
    return await rtnetlink.links();
  } finally {
    await rtnetlink.close();
  }
}

function readHostConfig(): HostFacts['config'] {
  try {
    return { value: loadHostConfig() };
  } catch (error) {
    return { problem: problem(error).said };
  }
}

function readDefaultScript(): HostFacts['defaultScript'] {
  try {
    return { value: defaultScript(XL_CONF, readConfigText(XL_CONF) ?? '').script };
  } catch (error) {
    return { problem: problem(error).said };
  }
}

function configPaths(config: HostFacts['config']): readonly string[] {
  const { domainConfigs }: HostConfig = 'value' in config ? config.value : DEFAULT_HOST_CONFIG;
  return [hostConfigFile(), XL_CONF, stateDirectory(), ...domainConfigs];
}

function readFileFacts(path: string): FileFacts {
  return { path, stat: statSync(path, { throwIfNoEntry: false }) };
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return []; // The kernel has no such tables.
  }
}

/** What vifguard itself says about a failure; anything else is a defect. */
function problem(error: unknown): { readonly works: false; readonly said: string } {
  if (!(error instanceof VifguardError)) throw error;
  return { works: false, said: describeError(error) };
}
