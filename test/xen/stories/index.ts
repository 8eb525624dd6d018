import type { Story } from '../story.ts';
import { ATTACKS } from './attacks.ts';
import { CONFIG } from './config.ts';
import { DRIVER } from './driver.ts';
import { HVM } from './hvm.ts';
import { LIFE } from './life.ts';
import { MANY } from './many.ts';
import { MIGRATION } from './migration.ts';
import { SPEED } from './speed.ts';
import { VLANS } from './vlans.ts';

/** In the order in which they are begun, which gives each of two dom0s as much to do. */
export const STORIES: readonly Story[] = [HVM, MIGRATION, LIFE, VLANS, ATTACKS, MANY, SPEED, DRIVER, CONFIG];
