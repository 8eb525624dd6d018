import type { Command } from 'commander';
import { hostConfigManual } from './host-config.ts';
import { hotplugManual } from './hotplug.ts';
import { vifguardManual } from './vifguard.ts';

/** The manuals by file name: from the program's own help, and from the host config that is installed. */
export function manuals(program: Command, conf: string): Readonly<Record<string, string>> {
  const version = program.version() ?? '';
  return {
    'man/man8/vifguard.8': vifguardManual(program),
    'man/man8/vif-guard.8': hotplugManual(version),
    'man/man5/vif-guard.conf.5': hostConfigManual(conf, version),
  };
}
