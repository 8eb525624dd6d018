import type { Dom0 } from './dom0.ts';

/** Something that has to hold with a real xl. Throws where it does not; may give a remark for the table. */
export interface Scenario {
  /** For `ONLY=`. */
  readonly name: string;
  readonly title: string;
  run(dom0: Dom0): Promise<string | undefined>;
}
