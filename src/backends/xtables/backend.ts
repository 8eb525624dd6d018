import type { Backend, GuardedHost, PortChange } from '../backend.ts';
import { PATIENT_MS, RefusedRulesError } from '../tool.ts';
import { NO_TABLES } from './chains.ts';
import { changeTables, forgetGeneration } from './generation.ts';
import { hostBatch, presentIn } from './host-batch.ts';
import { hostTables } from './host-chains.ts';
import { readDrift, readDrops, readPortRules, readPorts } from './inspect.ts';
import { portBatch } from './port-batch.ts';
import { restoreInput } from './restore.ts';
import { readTables, rehearse, restore } from './tools.ts';

/** ebtables and ip6tables, in their nft variants. */
export const xtables: Backend = {
  bridgeNetfilter: true,
  applyPort,
  applyHost: (host, directory) => applyHost(host, directory, PATIENT_MS),
  ports: readPorts,
  removeAll,
  drift: readDrift,
  list: readPortRules,
  drops: readDrops,
};

/** Writes the port's chains and its branch of the trees; fewer chains when the tables are known to be untouched. */
async function applyPort(change: PortChange): Promise<void> {
  const { before, after, directory } = change;
  // The first port, or the first since the registry was lost: the kernel may hold anything.
  if (before.isEmpty) return await applyHost(after, directory);
  try {
    await changeTables(directory, (untouched) => restore(restoreInput(portBatch(change, untouched))));
  } catch (error) {
    if (!(error instanceof RefusedRulesError)) throw error;
    await applyHost(after, directory);
  }
}

async function applyHost(host: GuardedHost, directory: string, timeoutMs?: number): Promise<void> {
  await changeTables(directory, async () => {
    const tables = hostTables(host);
    const actual = await readTables();
    const present = presentIn(actual);
    const isHooked = present.hooks.some((times) => times > 0);
    const expected = isHooked ? await rehearse({ tables, hooked: true, timeoutMs }) : undefined;
    return await restore(restoreInput(hostBatch({ tables, actual, present, expected })), timeoutMs);
  });
}

async function removeAll(directory: string): Promise<void> {
  const present = presentIn(await readTables());
  await restore(restoreInput({ tables: NO_TABLES, present, hooked: false }));
  await forgetGeneration(directory);
}
