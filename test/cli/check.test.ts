import test, { type ExecutionContext } from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import type { Finding } from '../../src/host/inspection.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { guardedGuest, useDomainConfigs, vifguard, vifguardJson } from './vifguard.ts';

interface Check {
  readonly ok: boolean;
  readonly checked: { readonly ports: number; readonly bridges: number };
  readonly busy: string | null;
  readonly findings: readonly Finding[];
}

const checkOf = (lab: Lab) => vifguardJson<Check>(lab, 'check');

const problems = ({ findings }: Check) => findings.map(({ subject, problem }) => `${subject}: ${problem}`);

async function labWithGuest(t: ExecutionContext, backend: BackendName): Promise<Lab> {
  const lab = await startLab(t, { backend });
  await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  return lab;
}

/** What somebody did, and what check says of it. */
interface Change {
  readonly command: string;
  readonly says: readonly RegExp[];
  /** The state of vif1.0 while it lasts; drifted by default. */
  readonly state?: 'guarded';
}

/** The set of the addresses that a port may send from. */
const SOURCES =
  'set=$(nft list table bridge vifguard | grep -o "class-[0-9a-f]*/from/ipv4/source-validation/0" | head -n 1)';

/** What is about a backend's own rules. */
const OF_BACKEND: Readonly<Record<BackendName, Readonly<Record<string, Change>>>> = {
  xtables: {
    'a rule of a port deleted': {
      command: 'ebtables -t nat -D vg-in:vif1.0 -j vg-drop:ethertype',
      says: [/^ebtables nat vg-in:vif1\.0: missing: -A vg-in:vif1\.0 -j vg-drop:ethertype$/],
    },
    'a port left out of the tree': {
      command: 'ebtables -t nat -D vg-in:vif+ -i vif1.0 -j vg-in:vif1.0',
      says: [/^ebtables nat vg-in:vif\+: missing: -A vg-in:vif\+ -i vif1\.0 /],
    },
    'a rule of an ip6tables chain deleted': {
      command: 'ip6tables -t raw -D vg-nd:vif1.0 -j vg-nd:vif1.0/tgt',
      says: [/^ip6tables raw vg-nd:vif1\.0: missing: /],
    },
    'the policy of a chain changed': {
      command: 'ebtables -t nat -P vg-judge ACCEPT',
      says: [/^ebtables nat vg-judge: unexpected: :vg-judge ACCEPT$/],
    },
    "somebody's rule in front of our hook": {
      command: 'ebtables -t nat -I PREROUTING -i vif1.0 -j ACCEPT',
      says: [
        /^ebtables nat PREROUTING: unexpected: -A PREROUTING -i vif1\.0 -j ACCEPT \(in front of ours\)$/,
      ],
    },
    'our hook taken away': {
      command: 'ebtables -t filter -D FORWARD -j vg-forward',
      says: [/^ebtables filter FORWARD: missing: -A FORWARD -j vg-forward$/],
    },
    'all tables flushed': {
      command: 'nft flush ruleset',
      says: [/^ebtables nat: missing: chain vg-bad /, /^ip6tables raw PREROUTING: missing: /],
    },
    'nf_call_ip6tables switched off': {
      command: 'ip link set xenbr0 type bridge nf_call_ip6tables 0',
      says: [/^xenbr0: nf_call_ip6tables is off/],
    },
  },
  nftables: {
    'an element of a port deleted': {
      command: 'nft delete element bridge vifguard isolated { vif1.0 }',
      says: [/^set isolated: missing: vif1\.0$/],
    },
    'a port left out of a map': {
      command: 'nft delete element bridge vifguard from-guest { vif1.0 }',
      says: [/^map from-guest: missing: vif1\.0 : jump class-\w+\/from$/],
    },
    'an address of somebody else': {
      command: `${SOURCES}; nft add element bridge vifguard $set '{ vif1.0 . 192.0.2.66 }'`,
      says: [/^set class-\S+\/source-validation\/0: unexpected: vif1\.0 \. 192\.0\.2\.66$/],
    },
    'a class emptied': {
      command:
        'nft flush chain bridge vifguard "$(nft list table bridge vifguard | grep -o "class-[0-9a-f]*/from" | head -n 1)"',
      says: [/^chain class-\w+\/from: missing: /],
    },
    "somebody's rule in front of ours": {
      command: 'nft insert rule bridge vifguard prerouting accept',
      says: [/^chain prerouting: unexpected: \[\{"accept":null\}\]$/],
    },
    'a chain of ours emptied': {
      command: 'nft flush chain bridge vifguard forward',
      says: [/^chain forward: missing: /],
    },
    'all tables flushed': {
      command: 'nft flush ruleset',
      says: [/^bridge: missing: table bridge vifguard$/],
    },
  },
};

/** What is about the bridge. */
const OF_BRIDGE: Readonly<Record<string, Change>> = {
  'a bridge flag changed': {
    command: 'bridge link set dev vif1.0 isolated off',
    says: [/^vif1\.0: isolated is off, should be on$/],
  },
  'the port unlocked': {
    command: 'bridge link set dev vif1.0 locked off learning on',
    says: [/^vif1\.0: locked is off, should be on$/, /^vif1\.0: learning is on, should be off$/],
  },
  'the static FDB entry deleted': {
    command: 'bridge fdb del 00:16:3e:00:01:00 dev vif1.0 master',
    says: [/^vif1\.0: 00:16:3e:00:01:00 has no static FDB entry$/],
  },
  'the static FDB entry replaced by one that moves': {
    command: 'bridge fdb replace 00:16:3e:00:01:00 dev vif1.0 master static',
    says: [/^vif1\.0: 00:16:3e:00:01:00 has a non-sticky FDB entry, should have a static one$/],
  },
  'a MAC of somebody else on the port': {
    command: 'bridge fdb add 00:16:3e:66:66:66 dev vif1.0 master dynamic',
    says: [/^vif1\.0: 00:16:3e:66:66:66 has a dynamic FDB entry, should have none$/],
  },
};

const OTHERS: Readonly<Record<string, Change>> = {
  'the port taken off its bridge': {
    command: 'ip link set vif1.0 nomaster',
    says: [/^vif1\.0: is on no bridge, should be on xenbr0$/],
  },
  'the port on another bridge': {
    command: 'ip link add other type bridge; ip link set vif1.0 master other',
    says: [/^vif1\.0: is on bridge other, should be on xenbr0$/],
  },
  'the port gone': {
    command: 'ip link delete vif1.0',
    says: [/^vif1\.0: the port is gone/],
  },
  'the uplink isolated': {
    command: 'bridge link set dev uplink0 isolated on',
    says: [/^uplink0: the uplink of xenbr0 is isolated/],
    state: 'guarded',
  },
  'a guest with another script': {
    command: 'ip link add vif7.0 type veth peer name peer7; ip link set vif7.0 master xenbr0 up',
    says: [/^vif7\.0: unguarded: on xenbr0/],
    state: 'guarded',
  },
};

/** Does it, and gives what check says of it. */
async function shown(
  t: ExecutionContext,
  lab: Lab,
  name: string,
  { command, says, state }: Change,
): Promise<string[]> {
  await lab.dom0.namespace.run('sh', ['-ec', command]);
  const said = problems(await checkOf(lab));
  for (const pattern of says) {
    t.true(
      said.some((line) => pattern.test(line)),
      `${name}: ${pattern} in\n${said.join('\n')}`,
    );
  }
  const { exitCode, stdout } = await vifguard(lab, ['check']);
  t.is(exitCode, 1, name);
  const lines = stdout.split('\n');
  t.is(lines.length, said.length, `${name}: one line for each`);
  for (const line of lines) t.regex(line, /^\S.*: .*; .*(run|restart|set|make)/);
  const { ports } = await vifguardJson<{ ports: { port: string; state: string }[] }>(lab, 'status');
  t.is(ports.find(({ port }) => port === 'vif1.0')?.state, state ?? 'drifted', name);
  return said;
}

for (const backend of BACKENDS) {
  test(`${backend}: check shows what somebody changed, and host up puts it right`, async (t) => {
    const lab = await labWithGuest(t, backend);
    t.deepEqual(problems(await checkOf(lab)), []);
    for (const [name, change] of Object.entries({ ...OF_BACKEND[backend], ...OF_BRIDGE })) {
      await shown(t, lab, name, change);
      t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0, name);
      t.deepEqual(problems(await checkOf(lab)), [], name);
    }
  });
}

/** What weakens vif1.0 alone. */
const OF_ONE_PORT: Readonly<Record<BackendName, readonly string[]>> = {
  xtables: ['ebtables -t nat -D vg-in:vif1.0 -j vg-drop:ethertype'],
  nftables: [
    'nft delete element bridge vifguard isolated { vif1.0 }',
    'nft flush chain bridge vifguard $(nft list map bridge vifguard from-guest | grep -o "vif1.0[^,]*class-[0-9a-f]*/from" | sed "s/.* //")',
  ],
};

for (const backend of BACKENDS) {
  test(`${backend}: what weakens one port is no difference of another`, async (t) => {
    const lab = await startLab(t, { backend });
    await useDomainConfigs(lab);
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41' }, 'dom0=icmp');
    await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
    for (const command of OF_ONE_PORT[backend]) {
      await lab.dom0.namespace.run('sh', ['-ec', command]);
      const { ports } = await vifguardJson<{ ports: { port: string; state: string }[] }>(lab, 'status');
      t.deepEqual(
        ports.map(({ port, state }) => [port, state]),
        [
          ['vif1.0', 'drifted'],
          ['vif2.0', 'guarded'],
        ],
        command,
      );
      t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
    }
  });
}

for (const [name, change] of Object.entries(OTHERS)) {
  test(`check shows ${name}, which host up leaves as it is`, async (t) => {
    const lab = await labWithGuest(t, 'xtables');
    const said = await shown(t, lab, name, change);
    const { exitCode, stderr } = await vifguard(lab, ['host', 'up']);
    t.is(exitCode, 0);
    t.is(stderr.split('\n').length, said.length);
    t.deepEqual(problems(await checkOf(lab)), said);
  });
}

test('check names what a refused "xl network-attach" leaves, and how it goes', async (t) => {
  const lab = await labWithGuest(t, 'xtables');
  const refused = await lab.guest({ domid: 1, handle: 1, name: 'web1', ip: '192.0.2.300' });
  t.is((await refused.online()).exitCode, 1);
  const { exitCode, stdout } = await vifguard(lab, ['check']);
  t.is(exitCode, 1);
  t.regex(
    stdout,
    /^vif1\.1: left over of web1, refused: backend\/vif\/1\/1\/ip: "192\.0\.2\.300" is not [^;]*; [^;]*; run "xl network-detach 1 1"$/,
  );
  const { ports } = await vifguardJson<{ ports: { port: string; state: string }[] }>(lab, 'status');
  t.deepEqual(
    ports.map(({ port, state }) => [port, state]),
    [['vif1.0', 'guarded']],
  );
  t.is((await refused.offline()).exitCode, 0);
  await refused.forget();
  t.deepEqual(problems(await checkOf(lab)), []);
});

for (const backend of BACKENDS) {
  test(`${backend}: check is clean with guests of every kind of policy, and after each of them has left`, async (t) => {
    const lab = await startLab(t, { backend, bridges: ['xenbr0', 'xenbr1'] });
    await useDomainConfigs(lab);
    t.regex((await vifguard(lab, ['check'])).stdout, /^all well: no port is guarded, .* no rule of vifguard/);
    const policies: Readonly<Record<string, string>> = {
      plain: '',
      router: 'role=router,peers=open',
      dhcp: 'role=dhcp-server',
      vrrp: 'vrrp=51 192.0.2.201',
      prefixes: 'ip=198.51.100.0/24 2001:db8:1::/64,mac=00:16:3e:77:00:01',
      icmp: 'dom0=icmp,dhcp=off,link-local=any',
      none: 'dom0=none,link-local=listed',
      any: 'ip=any',
      unlocked: 'mode=unlocked',
      disabled: 'mode=disabled',
    };
    const guests = [];
    for (const [index, [name, directives]] of Object.entries(policies).entries()) {
      const bridge = index % 2 === 0 ? 'xenbr0' : 'xenbr1';
      const ip = name === 'any' ? {} : { ip: `192.0.2.${50 + index} 2001:db8:0:ffff::${50 + index}` };
      guests.push(await guardedGuest(lab, { domid: index + 1, name, bridge, ...ip }, directives));
    }
    guests.push(await guardedGuest(lab, { domid: 31, name: 'hvm', type: 'vif_ioemu', ip: '192.0.2.90' }));
    guests.push(
      await guardedGuest(lab, { domid: 32, name: 'named', vifname: 'front-door', ip: '192.0.2.91' }),
    );
    const all = await checkOf(lab);
    t.deepEqual(problems(all), []);
    t.deepEqual(all.checked, { ports: 13, bridges: 2 });
    const { exitCode, stdout } = await vifguard(lab, ['check']);
    t.is(exitCode, 0);
    t.regex(stdout, /^all well: 13 ports on 2 bridges guarded; tables, hooks, bridge flags/);
    for (const guest of guests) {
      t.is((await guest.offline()).exitCode, 0, guest.name);
      await guest.forget();
      t.deepEqual(problems(await checkOf(lab)), [], `after ${guest.name}`);
    }
    t.deepEqual((await checkOf(lab)).checked, { ports: 0, bridges: 0 });
  });
}

for (const backend of BACKENDS) {
  test(`${backend}: check works while events run, and calls none of them drift`, async (t) => {
    const lab = await labWithGuest(t, backend);
    const others = await Promise.all(
      [2, 3, 4, 5, 6, 7].map((domid) => lab.guest({ domid, name: `web${domid}`, ip: `192.0.2.4${domid}` })),
    );
    let events = true;
    const storm = (async () => {
      const codes = [];
      for (const guest of others) codes.push((await guest.online()).exitCode);
      // A device that goes before its event has come is a difference indeed.
      for (const guest of others) codes.push((await guest.offline({ device: 'present' })).exitCode);
      events = false;
      return codes;
    })();
    let checks = 0;
    while (events) {
      const { stdout } = await vifguard(lab, ['check', '--json']);
      const check = JSON.parse(stdout) as Check;
      if (check.busy === null) t.deepEqual(problems(check), []);
      checks += 1;
    }
    t.deepEqual(await storm, Array(12).fill(0));
    t.true(checks > 1, `${checks} checks`);
    const { busy, ...after } = await checkOf(lab);
    t.deepEqual([busy, after.ok, after.checked.ports], [null, true, 1]);
  });
}

test('an event that hangs does not keep check from answering', async (t) => {
  const lab = await labWithGuest(t, 'xtables');
  lab.dom0.namespace.spawn('sh', ['-c', 'exec flock /run/vifguard/net-*/lock sleep 60']);
  const locked = () => lab.exec('sh', ['-c', 'flock --nonblock /run/vifguard/net-*/lock true']);
  while ((await locked()).exitCode === 0);
  const { exitCode, stdout, stderr } = await vifguard(lab, ['check']);
  t.is(exitCode, 0);
  t.regex(stdout, /^all well/);
  t.regex(stderr, /an event is under way and may show as drift: process \d+ holds it \(.*sleep 60\)/);
});

for (const backend of BACKENDS) {
  test(`${backend}: the verbs that read change nothing`, async (t) => {
    const lab = await startLab(t, { backend });
    const OF_HOST = [['status'], ['status', '--json'], ['check']];
    const readAll = async (...verbs: readonly string[][]) => {
      for (const args of verbs) t.is((await vifguard(lab, args)).exitCode, 0, args.join(' '));
    };
    const fresh = await lab.residue();
    await readAll(...OF_HOST);
    t.deepEqual(await lab.residue(), fresh);
    // With IPv6, so that nothing its kernel sends is dropped: a first drop is a new element of a set.
    await guardedGuest(lab, { domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
    const before = await lab.residue();
    await readAll(...OF_HOST, ['show', 'vif1.0'], ['show', 'vif1.0', '--json']);
    t.deepEqual(await lab.residue(), before);
  });
}
