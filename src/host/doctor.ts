import { GUEST_GROUP } from '../backends/guest-group.ts';
import type { BackendName } from '../backends/names.ts';
import type { HostConfig } from '../config/host-config.ts';
import { isVifGuard } from '../config/xl-conf.ts';
import type { Link } from '../netlink/link.ts';
import { dropperOf, FAMILIES, type Family, type Forwarding, meetsFirewall } from './forwarding.ts';
import { parseGuestPort } from './guest-port.ts';

export type Severity = 'ok' | 'warn' | 'fail';

/** What the doctor found about one thing. */
export interface Diagnosis {
  readonly subject: string;
  /** fail: guests cannot be guarded, or are not. warn: probably not what was meant. */
  readonly severity: Severity;
  readonly message: string;
  /** What to do; present unless all is well. */
  readonly remedy?: string;
}

/** Whether something worked, and else what it said. */
export type Outcome =
  | { readonly works: true; readonly said: string }
  | { readonly works: false; readonly said: string };

/** What stat(2) tells of a file; undefined where there is none. */
export interface FileFacts {
  readonly path: string;
  readonly stat: { readonly uid: number; readonly mode: number } | undefined;
}

/** Everything about a host that the doctor judges by. */
export interface HostFacts {
  readonly uid: number;
  /** `v18.19.0` */
  readonly nodeVersion: string;
  /** The host config's; the default where that cannot be used. */
  readonly backend: BackendName;
  /** What each of the backend's tools prints as its version. */
  readonly tools: Readonly<Record<string, Outcome>>;
  /** Whether br_netfilter is there (/proc/sys/net/bridge), and whether modprobe knows it. */
  readonly bridgeNetfilter: 'loaded' | 'loadable' | 'absent';
  /** The rules of a sample guest, loaded into a namespace of their own; undefined when not tried. */
  readonly trial: Outcome | undefined;
  readonly xenstored: Outcome;
  /** The names of legacy tables that this kernel has (/proc/net/ip6_tables_names). */
  readonly legacyTables: readonly string[];
  readonly forwarding: Forwarding;
  readonly links: readonly Link[];
  /** The host config, or why it cannot be used. */
  readonly config: { readonly value: HostConfig } | { readonly problem: string };
  /** `vif.default.script` of xl.conf. */
  readonly defaultScript: { readonly value: string } | { readonly problem: string };
  readonly script: FileFacts;
  /** Files and directories that decide what passes. */
  readonly configFiles: readonly FileFacts[];
}

/** All diagnoses, in the order in which to act on them. */
export function diagnose(facts: HostFacts): Diagnosis[] {
  return [
    diagnoseUser(facts),
    diagnoseNode(facts),
    ...diagnoseTools(facts),
    ...(facts.backend === 'xtables' ? [diagnoseBridgeNetfilter(facts)] : []),
    ...diagnoseTrial(facts),
    diagnoseXenstored(facts),
    ...(facts.backend === 'xtables' ? diagnoseLegacy(facts) : []),
    ...diagnoseBridges(facts),
    diagnoseConfig(facts),
    ...facts.configFiles.flatMap(diagnoseOwner),
    diagnoseScript(facts),
    diagnoseDefaultScript(facts),
  ];
}

function diagnoseUser({ uid }: HostFacts): Diagnosis {
  return uid === 0
    ? ok('user', 'runs as root')
    : fail('user', `runs as uid ${uid}, which cannot read the packet filter`, 'run it as root');
}

/** package.json's engines. */
const OLDEST_NODE = [18, 19] as const;

function diagnoseNode({ nodeVersion }: HostFacts): Diagnosis {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const [oldMajor, oldMinor] = OLDEST_NODE;
  const isRecent = major > oldMajor || (major === oldMajor && minor >= oldMinor);
  return isRecent
    ? ok('node', nodeVersion)
    : fail('node', `${nodeVersion} is too old`, `install Node.js ${OLDEST_NODE.join('.')} or later`);
}

/** The Debian packages of the tools. */
const PACKAGES: Readonly<Record<BackendName, string>> = { xtables: 'iptables', nftables: 'nftables' };

function diagnoseTools({ backend, tools }: HostFacts): Diagnosis[] {
  return Object.entries(tools).map(([tool, { works, said }]) =>
    works ? ok(tool, said) : fail(tool, said, `run "apt install ${PACKAGES[backend]}"`),
  );
}

function diagnoseBridgeNetfilter({ bridgeNetfilter }: HostFacts): Diagnosis {
  const subject = 'br_netfilter';
  if (bridgeNetfilter === 'loaded') return ok(subject, 'loaded');
  return bridgeNetfilter === 'loadable'
    ? warn(subject, 'not loaded yet', 'nothing to do: the first guest or "vifguard host up" loads it')
    : fail(subject, 'this kernel has no br_netfilter', 'install a kernel with CONFIG_BRIDGE_NETFILTER');
}

function diagnoseTrial({ trial }: HostFacts): Diagnosis[] {
  const subject = 'rules';
  if (trial === undefined) return [];
  return [
    trial.works
      ? ok(subject, "this kernel takes a sample guest's rules")
      : fail(
          subject,
          `this kernel refuses a sample guest's rules: ${trial.said}`,
          'install the kernel modules that the message names (Debian: the package linux-image-amd64, not -cloud)',
        ),
  ];
}

function diagnoseXenstored({ xenstored: { works, said } }: HostFacts): Diagnosis {
  return works
    ? ok('xenstored', 'answers')
    : fail('xenstored', said, 'boot with Xen, and run "systemctl start xenstored"');
}

function diagnoseLegacy({ legacyTables }: HostFacts): Diagnosis[] {
  if (!legacyTables.includes('filter') && !legacyTables.includes('raw')) return [];
  return [
    warn(
      'legacy ip6tables',
      `tables ${legacyTables.join(', ')} of the legacy ip6tables are in use, and what they drop no rule of ours brings back`,
      'move its rules: ip6tables-legacy-save | ip6tables-nft-restore, then restart without ip6tables-legacy',
    ),
  ];
}

function diagnoseBridges(facts: HostFacts): Diagnosis[] {
  const { links, config } = facts;
  const untrusted: readonly string[] = 'value' in config ? config.value.untrustedPorts : [];
  const bridges = links.filter(({ kind }) => kind === 'bridge');
  if (bridges.length === 0) {
    return [
      warn(
        'bridges',
        'there is no bridge',
        'make one, for example by "bridge_ports eth0" in /etc/network/interfaces',
      ),
    ];
  }
  return bridges.map((bridge) => {
    const ports = links.filter(({ master }) => master === bridge.index);
    const uplinks = ports
      .filter(({ name, group }) => group !== GUEST_GROUP && parseGuestPort(name) === undefined)
      .map(({ name }) => name)
      .filter((name) => !untrusted.includes(name));
    const said =
      uplinks.length === 0 ? 'no uplink: its guests reach dom0 at most' : `uplink ${uplinks.join(', ')}`;
    return diagnoseForwarding(bridge, facts) ?? ok(`bridge ${bridge.name}`, said);
  });
}

/** dom0's own firewall, such as Docker's rules, may drop what the guards let through. */
function diagnoseForwarding(bridge: Link, { backend, forwarding }: HostFacts): Diagnosis | undefined {
  const { name } = bridge;
  const lost = FAMILIES.map((family) => ({
    family,
    dropper: lossOf(bridge, family, { backend, forwarding }),
  }));
  const drops = lost.filter(({ dropper }) => dropper !== undefined);
  const [first] = drops;
  if (first === undefined) return undefined;
  const families = drops.map(({ family }) => family).join(' and ');
  const [firewall, remedy] =
    first.dropper === 'firewalld'
      ? [
          'firewalld',
          `run "firewall-cmd --permanent --zone=public --change-interface=${name}; firewall-cmd --reload"`,
        ]
      : [
          'the policy DROP of FORWARD (Docker, ufw)',
          `run "${drops.map(({ family }) => `${TABLES[family]} -I FORWARD -i ${name} -o ${name} -j ACCEPT`).join('; ')}"`,
        ];
  return warn(
    `bridge ${name}`,
    `its ${families} meets dom0's own firewall, and ${firewall} drops it`,
    remedy,
  );
}

const TABLES: Readonly<Record<Family, string>> = { IPv4: 'iptables', IPv6: 'ip6tables' };

/** With xtables our bridges call ip6tables in any case, and what ip6tables' own FORWARD says is overruled. */
function lossOf(
  bridge: Link,
  family: Family,
  { backend, forwarding }: Pick<HostFacts, 'backend' | 'forwarding'>,
) {
  const isOurs = backend === 'xtables' && family === 'IPv6';
  if (!isOurs && !meetsFirewall(bridge, family, forwarding)) return undefined;
  const dropper = dropperOf(bridge, family, forwarding);
  return isOurs && dropper === 'FORWARD' ? undefined : dropper;
}

function diagnoseConfig({ config }: HostFacts): Diagnosis {
  return 'value' in config
    ? ok('host config', 'can be used')
    : fail('host config', config.problem, 'correct it: no guest comes up until then');
}

/** Group or others may write (S_IWGRP, S_IWOTH). */
const FOREIGN_WRITE = 0o022;

function diagnoseOwner({ path, stat }: FileFacts): Diagnosis[] {
  if (stat === undefined) return [];
  const isRoots = stat.uid === 0 && (stat.mode & FOREIGN_WRITE) === 0;
  return [
    isRoots
      ? ok(path, 'only root can write to it')
      : fail(
          path,
          'others than root can write to it, and so open every guard',
          `chown root ${path}; chmod go-w ${path}`,
        ),
  ];
}

function diagnoseScript({ script: { path, stat } }: HostFacts): Diagnosis {
  if (stat === undefined)
    return fail(path, 'is not there', 'run "make install", or reinstall the vifguard package');
  if ((stat.mode & 0o111) === 0) return fail(path, 'is not executable', `chmod +x ${path}`);
  return diagnoseOwner({ path, stat })[0] ?? ok(path, 'is there');
}

function diagnoseDefaultScript({ defaultScript }: HostFacts): Diagnosis {
  const subject = 'vif.default.script';
  if ('problem' in defaultScript) return fail(subject, defaultScript.problem, 'correct /etc/xen/xl.conf');
  const { value } = defaultScript;
  return isVifGuard(value)
    ? ok(subject, value)
    : warn(
        subject,
        `is "${value}": a guest without script=vif-guard in its own config comes up unguarded`,
        'run "vifguard enable --write"',
      );
}

function ok(subject: string, message: string): Diagnosis {
  return { subject, severity: 'ok', message };
}

function warn(subject: string, message: string, remedy: string): Diagnosis {
  return { subject, severity: 'warn', message, remedy };
}

function fail(subject: string, message: string, remedy: string): Diagnosis {
  return { subject, severity: 'fail', message, remedy };
}
