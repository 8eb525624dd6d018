import { loadHostConfigLeniently } from '../config/host-config.ts';
import { InputError } from '../errors.ts';
import { closeNamed, detach } from '../port/detach.ts';
import { withLock } from '../port/lock.ts';
import type { Means } from '../port/means.ts';
import { stateDirectory } from '../port/registry.ts';
import { bridgeOfVif } from '../port/vif.ts';
import type { XenstoreClient } from '../xenstore/client.ts';
import { XenstoreError } from '../xenstore/error.ts';
import { readVifRecord } from '../xenstore/vif-record.ts';
import { unpublish } from '../xenstore/vif-report.ts';
import type { HotplugEvent } from './event.ts';
import { foreignNetns, isPresent, runInNetns } from './netns.ts';

/**
 * A port goes, or is gone already: nothing of it is left. Cleans up whatever it finds, without
 * xenstore if need be.
 *
 * @returns the exit status.
 * @throws VifguardError for what could not be cleaned up.
 */
export async function offline(event: HotplugEvent, means: Means): Promise<number> {
  try {
    return await means.withStore((store) => leave(store, event, means));
  } catch (error) {
    if (error instanceof XenstoreError) await closePort(event, means);
    throw error;
  }
}

async function leave(store: XenstoreClient, event: HotplugEvent, means: Means): Promise<number> {
  const netns = await netnsOf(store, event);
  if (netns !== undefined && isPresent(netns)) return await runInNetns(netns);
  await closePort(event, means);
  if (event.kind === 'vif') await unpublish(store, event.backendPath);
  return 0;
}

/** A vif with an unusable record was refused at online, so no other namespace holds anything of it. */
export async function netnsOf(
  store: XenstoreClient,
  { backendPath }: HotplugEvent,
): Promise<string | undefined> {
  try {
    return foreignNetns(bridgeOfVif(await readVifRecord(store, backendPath)));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return undefined;
  }
}

/** Closes the port of an event, in the network namespace that we are in. */
export async function closePort({ kind, device, backendPath }: HotplugEvent, means: Means): Promise<void> {
  await means.withRtnetlink(async (rtnetlink) => {
    // Comes first, as it matters most and needs no lock, which we may not get.
    await closeNamed(rtnetlink, device);
    const config = loadHostConfigLeniently();
    const directory = stateDirectory();
    await withLock(`${directory}/lock`, { timeoutMs: means.deadline.closingMs }, () =>
      detach({ rtnetlink, config, directory, kind, device, backendPath }),
    );
  });
}
