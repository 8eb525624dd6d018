import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { BridgeName } from '../address/interface-name.ts';
import { VifguardError } from '../errors.ts';
import { netnsPath, openNetns } from '../netlink/netns.ts';
import { openRtnetlink } from '../netlink/rtnetlink.ts';

/** The network namespace of a bridge, when that is another than the one we are in. */
export function foreignNetns({ netns }: BridgeName): string | undefined {
  return netns === undefined || inode(netnsPath(netns)) === inode('/proc/self/ns/net') ? undefined : netns;
}

export function isPresent(netns: string): boolean {
  return inode(netnsPath(netns)) !== undefined;
}

function inode(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/**
 * Moves a port into the network namespace of its bridge, where it arrives down and on no bridge;
 * one that is not here is there already.
 *
 * @throws InputError when there is no such namespace, NetlinkError
 */
export async function sendToNetns(netns: string, device: string): Promise<void> {
  const namespace = await openNetns(netns);
  const rtnetlink = await openRtnetlink();
  try {
    const port = await rtnetlink.link(device);
    if (port === undefined) return;
    await rtnetlink.setLink(port.index, { up: false });
    await rtnetlink.setLink(port.index, { netnsFd: namespace.fd });
  } finally {
    await rtnetlink.close();
    await namespace.close();
  }
}

/**
 * Handles the same event by the same program in another network namespace: a socket belongs to the
 * namespace of the thread that opens it, and Node.js has threads that cannot be moved.
 *
 * @returns its exit status; it has reported to xenstore and stderr itself.
 * @throws VifguardError when it cannot be run, or did not come to its end.
 */
export async function runInNetns(netns: string): Promise<number> {
  const args = [`--net=${netnsPath(netns)}`, '--', process.execPath, ...process.argv.slice(1)];
  const child = spawn('nsenter', args, { stdio: 'inherit' });
  const [code, signal] = await once(child, 'exit').catch((cause: unknown) => {
    throw new VifguardError('nsenter cannot be run; run "apt install util-linux"', { cause });
  });
  if (typeof code === 'number') return code;
  throw new VifguardError(
    `vif-guard in network namespace ${netns} was ended by ${signal}; see what did that`,
  );
}
