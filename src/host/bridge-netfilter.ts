import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '../backends/tool.ts';
import { VifguardError } from '../errors.ts';

const SYSCTLS = '/proc/sys/net/bridge';

/**
 * Makes sure that bridges can call ip6tables. Loading br_netfilter makes every bridge call all
 * tables; we want that of our bridges only, so that is put back.
 *
 * @throws VifguardError when the kernel has no br_netfilter.
 */
export async function loadBridgeNetfilter(): Promise<void> {
  if (await exists(SYSCTLS)) return;
  await runTool({ program: 'modprobe', args: ['br_netfilter'], debianPackage: 'kmod' }).catch(
    (cause: unknown) => {
      throw new VifguardError(
        'the kernel module br_netfilter cannot be loaded; IPv6 ND cannot be guarded without',
        { cause },
      );
    },
  );
  const calls = (await readdir(SYSCTLS)).filter((name) => name.startsWith('bridge-nf-call-'));
  await Promise.all(calls.map((name) => writeFile(join(SYSCTLS, name), '0')));
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
