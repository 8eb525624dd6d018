import { type FileHandle, open, statfs } from 'node:fs/promises';
import { InputError } from '../errors.ts';

/** Where ip-netns(8) keeps the network namespace of that name. */
export function netnsPath(name: string): string {
  return `/run/netns/${name}`;
}

/** include/uapi/linux/magic.h */
const NSFS_MAGIC = 0x6e736673;

/**
 * Opens a named network namespace (ip-netns(8)), for LinkChange's netnsFd. The caller closes it.
 *
 * @throws InputError when there is no such namespace.
 */
export async function openNetns(name: string): Promise<FileHandle> {
  if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..') {
    throw new InputError(`${JSON.stringify(name)} cannot be the name of a network namespace`);
  }
  const path = netnsPath(name);
  try {
    // A name that `ip netns add` did not finish, or that outlived its mount, is an empty file.
    if ((await statfs(path)).type !== NSFS_MAGIC) throw new InputError(`${path} is not mounted`);
    return await open(path, 'r');
  } catch (cause) {
    throw new InputError(`no network namespace "${name}"; create it with: ip netns add ${name}`, { cause });
  }
}
