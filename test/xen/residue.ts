import assert from 'node:assert/strict';
import type { Dom0 } from './dom0.ts';

/** What a guest could leave behind in dom0, one thing a line: domains, interfaces, FDB entries, rules, records. */
const FIND = `
xl list | awk 'NR > 1 && $1 != "Domain-0" { print "domain " $1 }'
ls /sys/class/net | sed -n '/^vif/s/^/interface /p'
bridge fdb show | sed -n '/ 00:16:3e:/s/^/FDB entry /p; /^00:16:3e:/s/^/FDB entry /p'
nft list ruleset | sed -n '/vg-\\|vifguard/s/^/rule /p'
find /run/vifguard -path '*/ports/*' -name '*.json' | sed 's/^/record /'
true`;

/** Nothing of any guest is left. */
export async function expectNothingLeft(dom0: Dom0): Promise<void> {
  assert.equal(await dom0.run(FIND), '', 'left behind');
}

/** Ends every guest, whatever state a scenario left it in. */
export async function destroyAll(dom0: Dom0): Promise<void> {
  await dom0.run(`
    for name in $(xl list | awk 'NR > 1 && $1 != "Domain-0" { print $1 }'); do xl destroy "$name"; done
    rm -rf /etc/xen/*.cfg /var/lib/guests/*.d /var/lib/guests/*.initrd`);
}
