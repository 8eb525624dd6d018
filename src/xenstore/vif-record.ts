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
  /** The domain of the backend, where the path tells it. */
  readonly ownDomid?: number;
}

/**
 * What the toolstack wrote about one vif (xen/include/public/io/netif.h, docs/man/xl-network-configuration,
 * libxl_nic.c): text as it is in xenstore, nothing validated. All of it is from the backend path and
 * dom0's own nodes, which a guest cannot write; a key that is not there is undefined.
 */
export interface VifRecord extends VifPath {
  readonly backendPath: string;
  readonly mac?: string;
  readonly bridge?: string;
  readonly ip?: string;
  readonly vifname?: string;
  readonly mtu?: string;
  readonly rate?: string;
  readonly vlan?: string;
  readonly type?: string;
  readonly script?: string;
  /** The path of the guest's half; what is below it is the guest's to write. */
  readonly frontend?: string;
  readonly online?: string;
  readonly state?: string;
  readonly hotplugStatus?: string;
  readonly hotplugError?: string;
  /** The guest's name, from /local/domain/ID/name. */
  readonly domainName?: string;
}

const KEYS = {
  mac: 'mac',
  bridge: 'bridge',
  ip: 'ip',
  vifname: 'vifname',
  mtu: 'mtu',
  rate: 'rate',
  vlan: 'vlan',
  type: 'type',
  script: 'script',
  frontend: 'frontend',
  online: 'online',
  state: 'state',
  hotplugStatus: 'hotplug-status',
  hotplugError: 'hotplug-error',
} as const;

/** Whether the vif was removed from xenstore: it has no key left. */
export function isGone(record: VifRecord): boolean {
  return (Object.keys(KEYS) as (keyof typeof KEYS)[]).every((name) => record[name] === undefined);
}

/**
 * Reads `backend/vif/1/0` (relative, as libxl passes it in XENBUS_PATH) or
 * `/local/domain/0/backend/vif/1/0`.
 *
 * @throws InputError for any other path.
 */
export function parseVifPath(path: string): VifPath {
  const match = /^(?:\/local\/domain\/(\d{1,5})\/)?backend\/vif\/(\d{1,5})\/(\d{1,5})$/.exec(path);
  if (match === null) {
    throw new InputError(`${quote(path)} is not a vif's backend path, such as backend/vif/1/0 (XENBUS_PATH)`);
  }
  const [, own, domid, handle] = match;
  const ownDomid = own === undefined ? {} : { ownDomid: Number(own) };
  return { domid: Number(domid), handle: Number(handle), ...ownDomid };
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
  const keys = Object.entries(KEYS);
  const paths = keys.map(([, key]) => `${backendPath}/${key}`);
  const [domainName, [ownDomid, ...values]] = await Promise.all([
    readDomainName(view, vif.domid),
    view.readAll(['domid', ...paths]),
  ]);
  const found = keys.map(([name], index) => [name, values[index]] as const);
  const present = Object.fromEntries(found.filter(([, value]) => value !== undefined));
  return {
    backendPath,
    ...(ownDomid !== undefined && /^\d{1,5}$/.test(ownDomid) ? { ownDomid: Number(ownDomid) } : {}),
    ...vif,
    ...(domainName === undefined ? {} : { domainName }),
    ...present,
  };
}
