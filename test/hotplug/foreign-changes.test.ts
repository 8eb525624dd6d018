import test from 'ava';
import { guardedGuest, vifguard } from '../cli/vifguard.ts';
import { startLab } from '../lab/lab.ts';

/** What another program, or an admin, may do to the tables between two events. */
const CHANGES = {
  'all tables flushed': 'nft flush ruleset',
  'the rules of one ebtables table flushed': 'ebtables -t nat -F',
  'the rules of both ebtables tables flushed': 'ebtables -t nat -F; ebtables -t filter -F',
  'the rules of ip6tables flushed': 'ip6tables -t raw -F',
  'a hook taken away': 'ebtables -t nat -D PREROUTING -j vg-in',
  'a chain on the way emptied': 'ebtables -t nat -F vg-in',
  'a rule in front of a hook': 'ebtables -t nat -I PREROUTING -i vif2.0 -j ACCEPT',
};

for (const [name, command] of Object.entries(CHANGES)) {
  test(`the next online puts right what it depends on: ${name}`, async (t) => {
    const lab = await startLab(t);
    const guests = [1, 2, 3].map((domid) => ({ domid, name: `web${domid}`, ip: `192.0.2.4${domid}` }));
    const [first, last] = [guests.slice(0, 2), guests.slice(2)];
    for (const guest of first) await guardedGuest(lab, guest);
    await lab.dom0.namespace.run('sh', ['-ec', command]);
    t.is((await vifguard(lab, ['check'])).exitCode, 1, 'the change is one');
    for (const guest of last) await guardedGuest(lab, guest);
    const { stdout, stderr } = await vifguard(lab, ['check']);
    t.is(stderr, '');
    t.deepEqual(
      stdout.split('\n').filter((line) => /vif3\.0|nat vg-in: |(PREROUTING|FORWARD): /.test(line)),
      [],
    );
  });
}
