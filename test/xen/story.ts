import type { Dom0 } from './dom0.ts';

/**
 * Checks one thing that has to hold with a real xl: throws where it does not, and may give a remark for the table.
 * Guests take long to start, so that one serves several checks, in their order.
 */
export type Holds = (title: string, check: () => Promise<string | undefined>) => Promise<void>;

export interface Story {
  /** For `ONLY=`. */
  readonly name: string;
  /** What not every Xen can do: matches `virt_caps` of its `xl info`. */
  readonly needs?: RegExp;
  run(dom0: Dom0, holds: Holds): Promise<void>;
}
