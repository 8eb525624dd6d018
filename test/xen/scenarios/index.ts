import type { Scenario } from '../scenario.ts';
import { ATTACKS } from './attacks.ts';
import { CONFIG } from './config.ts';
import { FLUSH } from './flush.ts';
import { LIFE } from './life.ts';
import { MANY } from './many.ts';

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [...LIFE, ATTACKS, ...CONFIG, ...MANY, FLUSH];

/** What a real xl does besides, and cannot do in this emulation. */
export const NOT_RUN: readonly string[] = [
  'live migration: Debian builds Xen without shadow paging, so that a PV guest cannot be migrated ("Failed to enable logdirty")',
  'HVM and PVH guests: neither starts here, as QEMU emulates no VT-x or AMD-V that Xen could use; the tap contract is tested in the lab (test/hotplug)',
  'a driver domain: its `xl devd` would need a second Debian with its own disk and memory; own domid other than 0 is tested in the lab',
  'bridge VLANs: vifguard refuses `vlan` with a clear message',
];
