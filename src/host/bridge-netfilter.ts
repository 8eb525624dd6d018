import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../backends/xtables/tools.ts';
import { VifguardError } from '../errors.ts';

const SYSCTLS = '/proc/sys/net/bridge';

/**
 * Makes sure that bridges can call ip6tables. Loading br_netfilter makes every bridge call all
 * tables; we want that of our bridges only, so that is put back.
 *
 * @throws VifguardError when the kernel has no br_netfilter.
 */
export async function loadBridgeNetfilter(): Promise<void> {
  if (existsSync(SYSCTLS)) return;
  await run('modprobe', ['br_netfilter']).catch((cause: unknown) => {
    throw new VifguardError(
      'the kernel module br_netfilter cannot be loaded; IPv6 ND cannot be guarded without',
      { cause },
    );
  });
  const calls = readdirSync(SYSCTLS).filter((name) => name.startsWith('bridge-nf-call-'));
  for (const name of calls) writeFileSync(join(SYSCTLS, name), '0');
}
