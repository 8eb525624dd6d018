import type { PortKind } from '../port/registry.ts';

/** What the name of a guest's port tells. */
export interface GuestPort {
  readonly kind: PortKind;
  readonly domid: number;
  readonly handle: number;
}

/** Reads netback's name of a vif (libxl__device_nic_devname) or QEMU's of its twin; undefined for any other name. */
export function parseGuestPort(name: string): GuestPort | undefined {
  const [, prefix, domid, handle, emulated] = /^(vif|tap)(\d+)\.(\d+)(-emu)?$/.exec(name) ?? [];
  if (prefix === undefined) return undefined;
  const kind = prefix === 'tap' || emulated !== undefined ? 'tap' : 'vif';
  return { kind, domid: Number(domid), handle: Number(handle) };
}
