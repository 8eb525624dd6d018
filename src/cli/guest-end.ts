import { basename } from 'node:path';
import { parseMac } from '../address/mac.ts';
import { quote } from '../address/quote.ts';
import { ConfigError, readAt } from '../config/config-error.ts';
import { readConfigText } from '../config/config-file.ts';
import { normalizeXlMac, stringItems, vifDirectives } from '../config/directives.ts';
import { findDomainConfig } from '../config/domain-config.ts';
import { effectivePolicy } from '../config/effective-policy.ts';
import { hostConfigFile, loadHostConfig } from '../config/host-config.ts';
import type { PolicyTexts } from '../config/policy-place.ts';
import { findField } from '../config/vif-spec.ts';
import { parseXlcfg } from '../config/xlcfg-parser.ts';
import { InputError } from '../errors.ts';
import type { HostState } from '../host/inspection.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { ownerLabel, policyOf } from '../port/registry.ts';
import { findGuardedPort } from './find-port.ts';

/** A guest's end of a frame's way: its policy, and where that comes from. */
export interface GuestEnd {
  readonly label: string;
  readonly policy: GuardPolicy;
  readonly texts: PolicyTexts;
  /** Undefined while it is not known. */
  readonly bridge?: string;
  /** A remark for stderr. */
  readonly note?: string;
}

/** The port that somebody means, as it is guarded now. @throws VifguardError as findGuardedPort */
export function runningEnd(text: string, state: HostState): GuestEnd {
  const { report, record } = findGuardedPort(text, state);
  const policy = policyOf(record);
  const { domainConfigs } = loadHostConfig();
  const { domain, handle, backendPath, bridge } = record;
  const config = domain === undefined ? undefined : findDomainConfig({ name: domain, paths: domainConfigs });
  const isDrifted = report.differences.length > 0;
  return {
    label: ownerLabel(report.port, record),
    policy,
    texts: { vif: { handle, mac: policy.mac }, domain: config, host: hostTexts(), backendPath },
    bridge,
    ...(isDrifted && {
      note: `${report.port} is drifted, so the kernel may judge otherwise; "vifguard check" says what to do`,
    }),
  };
}

/** In place of the random MAC that libxl gives a vif without one. */
const MADE_UP_MAC = parseMac('00:16:3e:00:00:00');

/** A vif of a domain's config, whose guest need not run. @throws ConfigError */
export function configuredEnd(file: string, handle: number): GuestEnd {
  const text = readConfigText(file);
  if (text === undefined) throw new ConfigError({ file, problem: 'there is no such file' });
  const config = parseXlcfg(file, text);
  const specs = stringItems(config, 'vif');
  const spec = specs[handle];
  if (spec === undefined) {
    const problem = `there is no vif ${handle}; they count from 0, and it has ${specs.length}`;
    throw new ConfigError({ file, problem });
  }
  const field = (key: string) => findField(spec.text, key)?.value;
  const macText = field('mac');
  const mac = readAt(file, spec.at, () =>
    macText === undefined ? MADE_UP_MAC : parseMac(normalizeXlMac(macText) ?? macText),
  );
  const { defaults } = loadHostConfig();
  const directives = vifDirectives(config, { handle, mac });
  const vif = { mac, ip: field('ip'), vlan: field('vlan') };
  const policy = readAt(file, spec.at, () =>
    effectivePolicy({ path: `vif ${handle}`, vif, directives, defaults }),
  );
  const bridge = field('bridge');
  return {
    label: `vif ${handle} of ${basename(file)}`,
    policy,
    texts: { vif: { handle, mac }, domain: config, host: hostTexts(), backendPath: undefined },
    ...(bridge !== undefined && { bridge }),
    ...(macText === undefined && {
      note: `vif ${handle} has no mac=: ${mac} stands for the one that libxl makes up`,
    }),
  };
}

/** @throws ConfigError */
function hostTexts(): PolicyTexts['host'] {
  const file = hostConfigFile();
  const text = readConfigText(file);
  return { file, config: text === undefined ? undefined : parseXlcfg(file, text) };
}

/** @throws InputError when no frame goes from one to the other. */
export function requireOneBridge(a: GuestEnd, b: GuestEnd): void {
  if (a.policy.vlan !== b.policy.vlan)
    throw apart(
      a,
      b,
      ({ policy: { vlan } }) => `in ${vlan === undefined ? "the bridge's own VLAN" : `VLAN ${vlan}`}`,
    );
  if (a.bridge === undefined || b.bridge === undefined || a.bridge === b.bridge) return;
  throw apart(a, b, ({ bridge = '' }) => `on ${quote(bridge)}`);
}

function apart(a: GuestEnd, b: GuestEnd, place: (end: GuestEnd) => string): InputError {
  const places = [a, b].map((end) => `${end.label} is ${place(end)}`);
  return new InputError(`${places.join(' and ')}: no frame goes from one to the other`);
}
