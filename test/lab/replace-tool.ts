import type { Lab } from './lab.ts';

const DIRECTORY = '/usr/local/sbin';

/** Puts a script in front of a tool of the packet filter, in dom0 alone. */
export async function replaceTool(lab: Lab, tool: string, script: string): Promise<void> {
  const path = `${DIRECTORY}/${tool}`;
  const commands = [
    `mountpoint -q ${DIRECTORY} || mount -t tmpfs tmpfs ${DIRECTORY}`,
    `printf '#!/bin/sh\\n%s\\n' "$1" >${path}`,
    `chmod +x ${path}`,
  ];
  await lab.dom0.namespace.run('sh', ['-ec', commands.join('\n'), 'sh', script]);
}

/** At once, though it may still run. */
export async function restoreTool(lab: Lab): Promise<void> {
  await lab.dom0.namespace.run('umount', ['--lazy', DIRECTORY]);
}
