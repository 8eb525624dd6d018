import type { StoreView, XenstoreClient } from './client.ts';
import { XenstoreError } from './error.ts';
import type { VifPath } from './vif-record.ts';

/** Below the vif's backend path: the policy by which its ports are guarded. */
export const PUBLISHED = 'vifguard';

/** What to do about a vif that xl keeps though its script failed. */
export function detachAdvice({ domid, handle }: VifPath): string {
  return `run "xl network-detach ${domid} ${handle}"`;
}

/** The same at the end of a `hotplug-error`: xl undoes a create, but keeps a device that was attached. */
export function attachAdvice(vif: VifPath): string {
  return `after "xl network-attach" ${detachAdvice(vif)}`;
}

/** Characters of a `hotplug-error`: one sentence, far below what a xenstore message takes. */
const LONGEST_ERROR = 1_000;

/**
 * Sets `hotplug-error`, which libxl prints when the script fails, and `hotplug-status` to `error`. Only the
 * status is for the guest, too: the text may name others. Control characters become spaces, and a very
 * long text is cut.
 *
 * @throws XenstoreError ENOENT when the vif is gone.
 */
export async function writeHotplugError(
  client: XenstoreClient,
  backendPath: string,
  text: string,
): Promise<void> {
  const line = text.replace(/\p{Cc}+/gu, ' ').slice(0, LONGEST_ERROR);
  await changeVif(client, backendPath, async (view) => {
    const path = `${backendPath}/hotplug-error`;
    const [[owner]] = await Promise.all([
      view.getPerms(backendPath),
      view.write(path, line),
      view.write(`${backendPath}/hotplug-status`, 'error'),
    ]);
    if (owner !== undefined) await view.setPerms(path, [{ domid: owner.domid, access: 'n' }]);
  });
}

/**
 * Makes `entries` (name to value) the policy that is published, in one transaction. Readers, the guest among
 * them, see the old ones or the new ones.
 *
 * @throws XenstoreError ENOENT when the vif is gone.
 */
export async function publish(
  client: XenstoreClient,
  backendPath: string,
  entries: Readonly<Record<string, string>>,
): Promise<void> {
  await changeVif(client, backendPath, (view) => publishIn(view, backendPath, entries));
}

/** The same within a transaction of the caller's. */
export async function publishIn(
  view: StoreView,
  backendPath: string,
  entries: Readonly<Record<string, string>>,
): Promise<void> {
  const root = `${backendPath}/${PUBLISHED}`;
  await Promise.all([
    view.rm(root),
    ...Object.entries(entries).map(([key, value]) => view.write(`${root}/${key}`, value)),
  ]);
}

/** Whether these entries are what is published, and nothing else is. */
export async function isPublished(
  view: StoreView,
  backendPath: string,
  entries: Readonly<Record<string, string>>,
): Promise<boolean> {
  const root = `${backendPath}/${PUBLISHED}`;
  const keys = Object.keys(entries);
  const [names, values] = await Promise.all([
    view.directory(root),
    view.readAll(keys.map((key) => `${root}/${key}`)),
  ]);
  return names.length === keys.length && keys.every((key, index) => entries[key] === values[index]);
}

/** Takes back what `publish` wrote; fine when there is nothing, or no vif either. */
export async function unpublish(view: StoreView, backendPath: string): Promise<void> {
  await view.rm(`${backendPath}/${PUBLISHED}`);
}

/**
 * Runs `change` in a transaction, unless libxl has removed the vif meanwhile: a write would bring half
 * of it back.
 *
 * @throws XenstoreError ENOENT when the vif is gone, and what `change` throws.
 */
export async function changeVif(
  client: XenstoreClient,
  backendPath: string,
  change: (view: StoreView) => Promise<void>,
): Promise<void> {
  await client.transaction(async (view) => {
    await Promise.all([refuseGone(view, backendPath), change(view)]);
  });
}

async function refuseGone(view: StoreView, backendPath: string): Promise<void> {
  if ((await view.read(backendPath)) !== undefined) return;
  const detail = 'the vif is gone from xenstore';
  throw new XenstoreError({ operation: 'WRITE', path: backendPath, code: 'ENOENT', detail });
}
