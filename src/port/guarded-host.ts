import type { GuardedHost, GuardedPort } from '../backends/backend.ts';
import { restrictsDom0 } from '../rules/to-dom0.ts';
import { type PortRecord, policyOf, type Registry } from './registry.ts';

/** The registry as a backend sees it, less one port. */
export function guardedHost(
  registry: Registry,
  untrustedPorts: readonly string[],
  except?: string,
): GuardedHost {
  const ports = Object.entries(registry.ports).filter(([port]) => port !== except);
  return {
    bridges: new Map(Object.entries(registry.bridges)),
    ports: new Map(ports.map(([port, record]) => [port, guardedPort(record)])),
    untrustedPorts,
  };
}

export function guardedPort(record: PortRecord): GuardedPort {
  return { restricted: restrictsDom0(record.policy), policy: () => policyOf(record) };
}
