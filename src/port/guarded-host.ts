import type { GuardedHost, GuardedPort } from '../backends/backend.ts';
import type { PolicyJson } from '../policy/serialize.ts';
import { restrictsDom0 } from '../rules/to-dom0.ts';
import { type PortRecord, policyOf, type Registry } from './registry.ts';

/** The registry as a backend sees it. */
export function guardedHost(registry: Registry, untrustedPorts: readonly string[]): GuardedHost {
  const ports = Object.entries(registry.ports);
  return {
    bridges: new Map(Object.entries(registry.bridges)),
    ports: new Map(ports.map(([port, record]) => [port, guardedPort(record)])),
    untrustedPorts,
  };
}

function guardedPort(record: PortRecord): GuardedPort {
  const { policy } = record;
  return { restricted: restrictsDom0(policy), form: () => formOf(policy), policy: () => policyOf(record) };
}

function formOf({ mode, roles, dhcp, peers, dom0, ipv4, ipv6 }: PolicyJson): string {
  const families = [ipv4, ipv6].map((addresses) => (addresses === 'any' ? 'any' : addresses.length > 0));
  return [mode, roles, dhcp, peers, dom0, ...families].join(' ');
}
