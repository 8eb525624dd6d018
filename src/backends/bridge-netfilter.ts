import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VifguardError } from '../errors.ts';
import { runTool } from './tool.ts';

const SYSCTLS = '/proc/sys/net/bridge';
const CALL_IP6TABLES = join(SYSCTLS, 'bridge-nf-call-ip6tables');

/**
 * Makes sure that bridges can call ip6tables; false when they already could. Loading br_netfilter makes every
 * bridge call all tables; we want that for our bridges only, so it is switched off again, in the network
 * namespace that we are in.
 *
 * @throws VifguardError when it cannot be loaded.
 */
export async function loadBridgeNetfilter(): Promise<boolean> {
  if (hasBridgeNetfilter()) return false;
  const failure = await runTool({ program: 'modprobe', args: ['br_netfilter'], debianPackage: 'kmod' }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!hasBridgeNetfilter()) {
    throw new VifguardError(
      'br_netfilter cannot be loaded, and without it xtables cannot guard IPv6 ND; see why modprobe does not load it, install a kernel that has it (Debian: linux-image-amd64), or set backend = "nftables"',
      { cause: failure },
    );
  }
  const calls = readdirSync(SYSCTLS).filter((name) => name.startsWith('bridge-nf-call-'));
  for (const name of calls) writeFileSync(join(SYSCTLS, name), '0');
  return true;
}

export function hasBridgeNetfilter(): boolean {
  return existsSync(CALL_IP6TABLES);
}
