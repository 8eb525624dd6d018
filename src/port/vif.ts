import { type BridgeName, parseBridgeName } from '../address/interface-name.ts';
import { parseMac } from '../address/mac.ts';
import { vifDirectives } from '../config/directives.ts';
import { findDomainConfig } from '../config/domain-config.ts';
import { effectivePolicy } from '../config/effective-policy.ts';
import type { HostConfig } from '../config/host-config.ts';
import { InputError, readKey } from '../errors.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import type { VifRecord } from '../xenstore/vif-record.ts';

/**
 * The policy of a vif, from its record, its domain's config and the host's defaults.
 *
 * @throws InputError, ConfigError
 */
export function policyOfVif(record: VifRecord, config: HostConfig): GuardPolicy {
  const { backendPath, handle, domainName, mac: text } = record;
  if (text === undefined) throw new InputError(`${backendPath}/mac is missing; xl writes it for every vif`);
  const mac = readKey(`${backendPath}/mac`, () => parseMac(text));
  const domain =
    domainName === undefined
      ? undefined
      : findDomainConfig({ name: domainName, paths: config.domainConfigs });
  const directives = domain === undefined ? {} : vifDirectives(domain, { handle, mac });
  return effectivePolicy({
    path: backendPath,
    vif: { ...record, mac },
    directives,
    defaults: config.defaults,
  });
}

/**
 * The bridge of a vif.
 *
 * @throws InputError when the vif is gone, when there is no bridge in its record, or none that could be.
 */
export function bridgeOfVif(record: VifRecord): BridgeName {
  const { bridge, backendPath, isGone } = record;
  if (isGone) throw new InputError(`${backendPath} is gone from xenstore; restart the guest`);
  if (bridge === undefined || bridge === '') {
    throw new InputError(
      `${backendPath}/bridge is missing; write bridge=xenbr0 in the vif spec or set vif.default.bridge in xl.conf`,
    );
  }
  return readKey(`${backendPath}/bridge`, () => parseBridgeName(bridge));
}
