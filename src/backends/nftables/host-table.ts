import type { GuardedHost } from '../backend.ts';
import { baseTable } from './base-chains.ts';
import { portGuard } from './port-guard.ts';
import { mergeTables, type Table } from './table.ts';

/** All of the table for a host: what the kernel should hold. */
export function hostTable({ ports, untrustedPorts }: GuardedHost): Table {
  const guards = [...ports].flatMap(([, { index, policy }]) =>
    index === undefined ? [] : [portGuard({ index, policy: policy(), untrustedPorts })],
  );
  return mergeTables([
    baseTable(),
    ...guards.map(({ classTable, elements }) => ({ ...classTable, elements })),
  ]);
}
