/** A vif as its vif spec describes it, and the domain it belongs to. */
export interface Vif {
  readonly domid: number;
  /** The number of the vif within its domain (libxl's devid). */
  readonly handle: number;
  /** The domain's name. */
  readonly name: string;
  readonly mac: string;
  readonly bridge: string;
  /** Free text, as in the vif spec. */
  readonly ip?: string | undefined;
  readonly vifname?: string | undefined;
  readonly mtu?: number | undefined;
  /** `vif_ioemu` for an HVM guest, which has an emulated twin of the device. */
  readonly type: 'vif' | 'vif_ioemu';
  readonly gatewaydev?: string | undefined;
  /** Further keys of the backend node, or other values for the ones above. */
  readonly backend?: Readonly<Record<string, string>> | undefined;
}

export type Action = 'online' | 'offline' | 'add' | 'remove';

const uuid = (domid: number) => `00000000-0000-4000-8000-${String(domid).padStart(12, '0')}`;

export const domainPath = (domid: number) => `/local/domain/${domid}`;
export const backendDomainPath = (domid: number) => `${domainPath(0)}/backend/vif/${domid}`;
export const backendPath = ({ domid, handle }: Vif) => `${backendDomainPath(domid)}/${handle}`;
export const frontendPath = ({ domid, handle }: Vif) => `${domainPath(domid)}/device/vif/${handle}`;
export const libxlPath = ({ domid, handle }: Vif) => `/libxl/${domid}/device/vif/${handle}`;
export const vmPath = (domid: number) => `/vm/${uuid(domid)}`;

/** netback's name for the device (libxl__device_nic_devname). */
export const deviceName = ({ domid, handle }: Vif) => `vif${domid}.${handle}`;
export const tapName = (vif: Vif) => `${deviceName(vif)}-emu`;

/** The domain's own nodes (libxl__domain_make, as far as a hotplug script reads them). */
export function domainNodes({ domid, name }: Vif): Record<string, string> {
  return {
    [`${domainPath(domid)}/name`]: name,
    [`${domainPath(domid)}/domid`]: String(domid),
    [`${domainPath(domid)}/vm`]: vmPath(domid),
    [`${vmPath(domid)}/uuid`]: uuid(domid),
    [`${vmPath(domid)}/name`]: name,
  };
}

/** The nodes of one vif (libxl__set_xenstore_nic and libxl__device_generic_add). */
export function vifNodes(vif: Vif, script: string): Record<string, string> {
  const backend = {
    frontend: frontendPath(vif),
    'frontend-id': String(vif.domid),
    online: '1',
    state: '1',
    script,
    ...optional('vifname', vif.vifname),
    mac: vif.mac,
    ...optional('ip', vif.ip),
    ...optional('gatewaydev', vif.gatewaydev),
    ...optional('mtu', vif.mtu === undefined ? undefined : String(vif.mtu)),
    bridge: vif.bridge,
    handle: String(vif.handle),
    type: vif.type,
    ...vif.backend,
  };
  const frontend = {
    backend: backendPath(vif),
    'backend-id': '0',
    state: '1',
    handle: String(vif.handle),
    mac: vif.mac,
    mtu: String(vif.mtu ?? 1500),
  };
  const copy = { ...backend, backend: backendPath(vif) };
  return {
    ...below(backendPath(vif), { ...backend, 'hotplug-status': '' }),
    ...below(frontendPath(vif), frontend),
    ...below(libxlPath(vif), copy),
  };
}

function optional(key: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [key]: value };
}

function below(path: string, nodes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(nodes).map(([key, value]) => [`${path}/${key}`, value]));
}

/** The script's arguments (libxl__hotplug_nic). */
export function hotplugArguments(action: Action): string[] {
  return [action, action === 'online' || action === 'offline' ? 'type_if=vif' : 'type_if=tap'];
}

/** The script's environment (get_hotplug_env). */
export function hotplugEnvironment(vif: Vif, script: string): Record<string, string> {
  return {
    script,
    XENBUS_TYPE: 'vif',
    XENBUS_PATH: `backend/vif/${vif.domid}/${vif.handle}`,
    XENBUS_BASE_PATH: 'backend',
    netdev: vif.gatewaydev ?? '',
    ...(vif.type === 'vif_ioemu' ? { INTERFACE: tapName(vif) } : {}),
    vif: deviceName(vif),
  };
}
