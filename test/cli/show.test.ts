import test from 'ava';
import { BACKENDS } from '../../src/backends/names.ts';
import type { PortDetails } from '../../src/cli/show.ts';
import { startLab } from '../lab/lab.ts';
import { guardedGuest, useDomainConfigs, vifguard, vifguardJson } from './vifguard.ts';

/** A rule of vif2.0, one that accepts more, and what `show` says of that. */
const RULES = {
  xtables: {
    own: /^ +\[\d+:\d+\] -A vg-in:vif2\.0\/4 -p IPv4 --ip-src 192\.0\.2\.42 -j mark --mark-or/m,
    foreign: 'ebtables -t nat -I vg-in:vif2.0 -p IPv4 -j ACCEPT',
    listed: /-A vg-in:vif2\.0 -p IPv4 -j ACCEPT$/,
    difference: /^ +ebtables nat vg-in:vif2\.0: unexpected: -A vg-in:vif2\.0 -p IPv4 -j ACCEPT$/m,
  },
  nftables: {
    own: /^ +element class-\w+\/from\/ipv4\/source-validation\/0 \{ vif2\.0 \. 192\.0\.2\.42 \}$/m,
    foreign:
      'nft insert rule bridge vifguard $(nft list map bridge vifguard from-guest | grep -o "vif2.0.*class-[0-9a-f]*/from" | sed "s/.* //") ip ttl 7 accept',
    listed: /^\s*ip ttl 7 accept$/,
    difference: /^ +chain class-\w+\/from: unexpected: .*"ttl".*"accept"/m,
  },
};

for (const backend of BACKENDS)
  test(`${backend}: show has policy, flags, entries and rules as they are, and marks what differs`, async (t) => {
    const lab = await startLab(t, { backend });
    const { own, foreign, listed, difference } = RULES[backend];
    await useDomainConfigs(lab);
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' }, 'peers=open,vrrp=51 192.0.2.201');
    await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42 2001:db8:0:ffff::42' });
    const right = await vifguard(lab, ['show', 'web2']);
    t.is(right.exitCode, 0);
    t.regex(right.stdout, /^vif2\.0 of web2 \(2\) on xenbr0: guarded$/m);
    t.regex(right.stdout, /^ +peers +isolated +other guests of the bridge/m);
    t.regex(right.stdout, /^ +link-local +eui64: fe80::216:3eff:fe00:200 /m);
    t.regex(right.stdout, /^ +00:16:3e:00:02:00 +static +static$/m);
    t.regex(right.stdout, own);
    t.regex(right.stdout, /^Differences\n {2}none$/m);
    t.false(right.stdout.includes('differs'));
    t.regex((await vifguard(lab, ['show', 'vif1.0'])).stdout, /^ +vrrp +51 192\.0\.2\.201 +virtual routers/m);

    const changes = [
      'bridge link set dev vif2.0 locked off',
      'bridge fdb del 00:16:3e:00:02:00 dev vif2.0 master',
    ];
    await lab.dom0.namespace.run('sh', ['-ec', [...changes, foreign].join('\n')]);
    const wrong = await vifguard(lab, ['show', 'web2']);
    t.regex(wrong.stdout, /^vif2\.0 .*: drifted$/m);
    t.regex(wrong.stdout, /^ +locked +off +on +<- differs$/m);
    t.regex(wrong.stdout, /^ +00:16:3e:00:02:00 +none +static +<- differs$/m);
    t.regex(wrong.stdout, difference);

    const details = await vifguardJson<PortDetails>(lab, 'show', '2/0');
    t.is(details.port, 'vif2.0');
    t.deepEqual(details.policy.ipv6, ['2001:db8:0:ffff::42']);
    t.deepEqual(
      details.settings.filter(({ is, should }) => is !== should),
      [{ name: 'locked', is: 'off', should: 'on' }],
    );
    t.deepEqual(details.fdb, [{ address: '00:16:3e:00:02:00', vlan: null, is: null, should: 'static' }]);
    t.true(details.rules.some((line) => listed.test(line)));
    t.is(details.differences.length, 3);
  });

test('show says which ports there are when it finds none, or none of ours', async (t) => {
  const lab = await startLab(t);
  await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' });
  await (await lab.guest({ domid: 2, name: 'open' })).onlineUnguarded();
  const unknown = await vifguard(lab, ['show', 'web11']);
  t.is(unknown.exitCode, 2);
  t.is(
    unknown.stderr,
    'vifguard: no guest\'s port is called "web11"; did you mean "web1"? "vifguard status" lists them',
  );
  const open = await vifguard(lab, ['show', 'open']);
  t.is(open.exitCode, 1);
  t.regex(open.stderr, /^vifguard: vif2\.0 is unguarded: on xenbr0.*"vifguard check" says what to do$/);
});
