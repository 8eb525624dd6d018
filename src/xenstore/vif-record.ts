import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import type { StoreView } from './client.ts';
import { XenstoreError } from './error.ts';

/** Which vif a backend path means. */
export interface VifPath {
  /** The guest's domain id. */
  readonly domid: number;
  /** The number of the port within the guest. */
  readonly handle: number;
}

/**
 * What the toolstack wrote about one vif (xen/include/public/io/netif.h, docs/man/xl-network-configuration,
 * libxl_nic.c): text as it is in xenstore, nothing validated. All of it is from the backend path and
 * dom0's own nodes, which a guest cannot write; a key that is not there is undefined.
 */
export interface VifRecord extends VifPath {
  readonly backendPath: string;
  /** Whether it was taken out of xenstore. */
  readonly isGone: boolean;
  readonly mac?: string;
  readonly bridge?: string;
  readonly ip?: string;
  readonly vifname?: string;
  readonly mtu?: string;
  readonly vlan?: string;
  /** The path of the guest's half; what is below it is the guest's to write. */
  readonly frontend?: string;
  /** The guest's name, from /local/domain/ID/name. */
  readonly domainName?: string;
}

const KEYS = ['mac', 'bridge', 'ip', 'vifname', 'mtu', 'vlan', 'frontend'] as const;

/**
 * Reads `backend/vif/1/0` (relative, as libxl passes it in XENBUS_PATH) or
 * `/local/domain/0/backend/vif/1/0`.
 *
 * @throws InputError for any other path.
 */
export function parseVifPath(path: string): VifPath {
  const match = /^(?:\/local\/domain\/\d{1,5}\/)?backend\/vif\/(\d{1,5})\/(\d{1,5})$/.exec(path);
  if (match === null) {
    throw new InputError(`${quote(path)} is not a vif's backend path, such as backend/vif/1/0 (XENBUS_PATH)`);
  }
  const [, domid, handle] = match;
  return { domid: Number(domid), handle: Number(handle) };
}

/** Also undefined in a driver domain, which may not read other domains' names. @throws XenstoreError */
export async function readDomainName(view: StoreView, domid: number): Promise<string | undefined> {
  try {
    return await view.read(`/local/domain/${domid}/name`);
  } catch (error) {
    if (error instanceof XenstoreError && error.code === 'EACCES') return undefined;
    throw error;
  }
}

/**
 * Reads everything about one vif in one round trip. A vif that is gone has a record without keys.
 *
 * @throws InputError for what is not a vif's path, XenstoreError when reading fails.
 */
export async function readVifRecord(view: StoreView, backendPath: string): Promise<VifRecord> {
  const vif = parseVifPath(backendPath);
  const [domainName, [node, ...values]] = await Promise.all([
    readDomainName(view, vif.domid),
    view.readAll([backendPath, ...KEYS.map((key) => `${backendPath}/${key}`)]),
  ]);
  const found = KEYS.map((key, index) => [key, values[index]] as const);
  return {
    backendPath,
    ...vif,
    isGone: node === undefined,
    ...(domainName === undefined ? {} : { domainName }),
    ...Object.fromEntries(found.filter(([, value]) => value !== undefined)),
  };
}
