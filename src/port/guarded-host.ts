import type { GuardedHost, GuardedPort, GuardedPorts } from '../backends/backend.ts';
import { restrictsDom0 } from '../rules/to-dom0.ts';
import { indexOf } from './device.ts';
import { RESTRICTED } from './index-keys.ts';
import type { Ports } from './ports.ts';
import { type PortRecord, policyOf, type Registry } from './registry.ts';

/** The registry as a backend sees it. */
export function guardedHost({ bridges, ports }: Registry, untrustedPorts: readonly string[]): GuardedHost {
  return {
    bridges: new Set(Object.keys(bridges)),
    get isEmpty() {
      return ports.isEmpty;
    },
    ports: guardedPorts(ports),
    restricted: () => ports.namesUnder(RESTRICTED),
    untrustedPorts,
  };
}

function guardedPorts(ports: Ports): GuardedPorts {
  const get = (port: string) => {
    const record = ports.get(port);
    return record === undefined ? undefined : guardedPort(port, record);
  };
  return {
    has: (port) => ports.has(port),
    get,
    keys: () => ports.keys(),
    *[Symbol.iterator]() {
      for (const [port, record] of ports) yield [port, guardedPort(port, record)];
    },
  };
}

function guardedPort(port: string, record: PortRecord): GuardedPort {
  const { policy } = record;
  return { index: indexOf(port, record), restricted: restrictsDom0(policy), policy: () => policyOf(record) };
}
