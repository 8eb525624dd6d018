import { loadHostConfig } from '../config/host-config.ts';
import { describeError } from '../errors.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { policyToXenstore } from '../policy/serialize.ts';
import { attach, type Step } from '../port/attach.ts';
import { deadline } from '../port/deadline.ts';
import { withLock } from '../port/lock.ts';
import { stateDirectory } from '../port/registry.ts';
import type { XenstoreClient } from '../xenstore/client.ts';
import { readVifRecord, type VifRecord } from '../xenstore/vif-record.ts';
import { changeVif, publish, writeHotplugError, writeHotplugStatus } from '../xenstore/vif-report.ts';
import type { HotplugEvent } from './event.ts';
import { foreignNetns, runInNetns, sendToNetns } from './netns.ts';
import { closePort } from './offline.ts';
import { bridgeOfVif, PUBLISHED, policyOfVif } from './vif.ts';

/**
 * A port comes: guarded, on its bridge and up; or, on any failure, down, on no bridge, with nothing of
 * it left and the reason in xenstore.
 *
 * @param checkpoint called before each step of the attach; to run out of time, or to be tested.
 * @returns the exit status.
 * @throws what made it fail, once the port is closed.
 */
export async function online(
  store: XenstoreClient,
  event: HotplugEvent,
  checkpoint: (step: Step | 'report') => void = deadline.check,
): Promise<number> {
  try {
    const record = await readVifRecord(store, event.backendPath);
    const bridge = bridgeOfVif(record);
    const netns = foreignNetns(bridge);
    if (netns !== undefined) {
      await sendToNetns(netns, event.device);
      return await runInNetns(netns);
    }
    const config = loadHostConfig();
    const policy = policyOfVif(record, config);
    const rtnetlink = await openRtnetlink();
    const directory = stateDirectory();
    try {
      const { mtu } = await withLock(`${directory}/lock`, { timeoutMs: deadline.remainingMs }, () =>
        attach({ ...event, rtnetlink, config, directory, record, bridge: bridge.name, policy, checkpoint }),
      );
      checkpoint('report');
      if (event.kind === 'vif') await report(store, record, mtu, policy);
    } finally {
      await rtnetlink.close();
    }
    return 0;
  } catch (error) {
    await failClosed(store, event, error);
    throw error;
  }
}

/** `connected` comes last: it is what lets the guest's traffic through netback. */
async function report(
  store: XenstoreClient,
  { backendPath, frontend }: VifRecord,
  mtu: number,
  policy: GuardPolicy,
): Promise<void> {
  await publish(store, backendPath, PUBLISHED, policyToXenstore(policy));
  await changeVif(store, backendPath, async (view) => {
    if (frontend !== undefined) await view.write(`${frontend}/mtu`, String(mtu));
    await view.rm(`${backendPath}/hotplug-error`);
  });
  await writeHotplugStatus(store, backendPath, 'connected');
}

async function failClosed(store: XenstoreClient, event: HotplugEvent, error: unknown): Promise<void> {
  const failures = await Promise.allSettled([
    closePort(event),
    writeHotplugError(store, event.backendPath, describeError(error)),
  ]);
  for (const failure of failures) {
    if (failure.status === 'rejected') console.error(`vif-guard: ${describeError(failure.reason)}`);
  }
}
