import { CLOSED } from '../policy/closed.ts';
import type { GuardedHost, PortChange } from './backend.ts';

/** The host once a change is made. */
export function hostAfter({ host, port, after }: PortChange): GuardedHost {
  return {
    ...host,
    ports: new Map([...host.ports, ...(after === undefined ? [] : [[port, after] as const])]),
  };
}

/**
 * The host with those ports, too, that the kernel knows and nobody has a policy of, as the registry was
 * lost: they stay, closed.
 */
export function withOrphans(host: GuardedHost, found: readonly string[]): GuardedHost {
  const orphans = found.filter((name) => !host.ports.has(name));
  const closed = orphans.map((name) => [name, { restricted: false, policy: () => CLOSED }] as const);
  return { ...host, ports: new Map([...host.ports, ...closed]) };
}
