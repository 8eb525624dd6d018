import assert from 'node:assert/strict';
import type { Dom0 } from './dom0.ts';
import type { Guest } from './guest.ts';

/** What a port could leave behind where its bridge is, one thing a line: interfaces, FDB entries, rules, records. */
const FIND = [
  "ls /sys/class/net | sed -n '/^vif/s/^/interface /p'",
  "bridge fdb show | sed -n '/ 00:16:3e:/s/^/FDB entry /p; /^00:16:3e:/s/^/FDB entry /p'",
  "nft list ruleset | sed -n '/vg-\\|vifguard/s/^/rule /p'",
  "find /run -path '/run/vifguard/*/ports/*' -name '*.json' | sed 's/^/record /'",
].join('; ');

const FIND_DOMAINS = `xl list | awk 'NR > 1 && $1 != "Domain-0" { print "domain " $1 }'`;

/** Nothing of any port is left, in dom0 or in a driver domain. */
export async function expectNoPort(machine: { run(script: string): Promise<string> }): Promise<void> {
  assert.equal(await machine.run(FIND), '', 'left behind');
}

/** Nothing of any guest is left. */
export async function expectNothingLeft(dom0: Dom0): Promise<void> {
  assert.equal(await dom0.run(`${FIND_DOMAINS}; ${FIND}`), '', 'left behind');
}

/** Nothing is left of a guest that is destroyed, nor, after "host down", of vifguard. */
export async function expectCleanEnd(guest: Guest): Promise<void> {
  await guest.destroy();
  await guest.dom0.run('vifguard host down');
  await expectNothingLeft(guest.dom0);
}

/** Ends every guest, whatever state a scenario left it in. */
export async function destroyAll(dom0: Dom0): Promise<void> {
  await dom0.run(`
    for name in $(xl list | awk 'NR > 1 && $1 != "Domain-0" { print $1 }'); do xl destroy "$name"; done
    rm -rf /etc/xen/*.cfg /var/lib/guests/*.d /var/lib/guests/*.initrd`);
}
