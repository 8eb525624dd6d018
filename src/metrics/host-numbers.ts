import type { HostConfig } from '../config/host-config.ts';
import { type FilterState, readHostState } from '../host/host-state.ts';
import { inspect, type PortReport, type PortState } from '../host/inspection.ts';
import type { Registry } from '../port/registry.ts';
import type { Reason } from '../rules/reason.ts';
import type { HostNumbers, PortDrops } from './metrics.ts';

const NONE: Readonly<Record<PortState, number>> = { guarded: 0, down: 0, drifted: 0, unguarded: 0 };

/** @param isFilterWell whether the packet filter is as it should be: inspecting it costs more than all the rest. */
export async function readHostNumbers(config: HostConfig, isFilterWell: boolean): Promise<HostNumbers> {
  const state = await readHostState(config, (registry) => filterState(registry, isFilterWell));
  const { ports } = inspect(state);
  const counts = { ...NONE };
  for (const { state } of ports) counts[state] += 1;
  return { ports: counts, drops: ports.flatMap(dropsOf) };
}

function filterState({ ports }: Registry, isWell: boolean): FilterState {
  return {
    filtered: ports.keys(),
    drift: isWell ? [] : [{ where: 'packet filter', kind: 'missing', what: 'rules' }],
  };
}

function dropsOf({ port, domain, domid, drops }: PortReport): PortDrops[] {
  const guest = domain ?? (domid === null ? '' : `domain ${domid}`);
  return (Object.entries(drops) as [Reason, number][]).map(([reason, frames]) => ({
    port,
    guest,
    reason,
    frames,
  }));
}
