import type { Story } from '../story.ts';
import { ATTACKS } from './attacks.ts';
import { CONFIG } from './config.ts';
import { DRIVER } from './driver.ts';
import { LIFE } from './life.ts';
import { MANY } from './many.ts';
import { SPEED } from './speed.ts';
import { VLANS } from './vlans.ts';

/** In the order in which they are begun, which gives each of two dom0s as much to do. */
export const STORIES: readonly Story[] = [LIFE, VLANS, ATTACKS, MANY, SPEED, DRIVER, CONFIG];

/** What a real xl does besides, and cannot do in this emulation. */
export const NOT_RUN: readonly string[] = [
  'live migration: Debian builds Xen without shadow paging, so that a PV guest cannot be migrated ("Failed to enable logdirty")',
  'HVM and PVH guests, which did not start under this emulation; the tap contract is tested in test/hotplug',
];
