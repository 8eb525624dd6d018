import anyTest, { type ExecutionContext } from 'ava';
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import { VIFGUARD, vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { replaceTool, restoreTool } from '../lab/replace-tool.ts';
import { GATEWAY } from '../lab/segment.ts';
import { ping } from '../lab/traffic.ts';

// Each lab is busy; side by side they would starve each other.
const test = anyTest.serial;

interface Scene {
  readonly lab: Lab;
  readonly guest: Guest;
}

async function startScene(t: ExecutionContext, backend: BackendName): Promise<Scene> {
  const lab = await startLab(t, { backend });
  await configure(lab, { backend });
  const guest = await lab.guest({ domid: 1, name: 'web1', ip: '192.0.2.41 2001:db8:0:ffff::41' });
  await setDirectives(guest, '');
  t.is((await guest.online()).exitCode, 0);
  await guest.configureAddresses();
  return { lab, guest };
}

async function configure(
  lab: Lab,
  { backend, text = '' }: { backend: string; text?: string },
): Promise<void> {
  const lines = [`backend = "${backend}"`, `domain_configs = [ "${lab.dir}" ]`, text, ''];
  await lab.writeFile('vif-guard.conf', lines.join('\n'));
}

/** Writes the domain's config. */
async function setDirectives({ lab, name, mac }: Guest, directives: string): Promise<void> {
  const config = `name = "${name}"\nvif = [ "mac=${mac}" ]\nvifguard = [ "${directives}" ]\n`;
  await lab.writeFile(`${name}.cfg`, config);
}

async function setAddresses({ lab, vif: { domid } }: Guest, ip: string): Promise<void> {
  await lab.store.write({ [`/local/domain/0/backend/vif/${domid}/0/ip`]: ip });
}

/** Everything that guards, the counters of drops aside. */
async function guards(lab: Lab) {
  const { links, fdb, nftables, ebtables, ip6tables } = await lab.residue();
  return {
    links,
    fdb,
    nftables: nftables?.filter((line) => !line.includes('elements')),
    ebtables,
    ip6tables,
  };
}

function datagram(guest: Guest, src: string): f.Bytes {
  const payload = f.ipv4({ src, dst: '192.0.2.255' }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker()));
  return f.ethernet({ src: guest.mac, dst: f.BROADCAST }, payload);
}

/** Which of the sources the guest can send from. */
async function passing({ lab, guest }: Scene, sources: readonly string[]): Promise<string[]> {
  const frames = sources.map((src) => datagram(guest, src));
  const [seen = []] = await guest.arrivals(frames, [lab.gateway]);
  return sources.filter((_, index) => seen[index]);
}

const SOURCES = ['192.0.2.41', '192.0.2.42', '192.0.2.66'];

for (const backend of BACKENDS) {
  test(`${backend}: reload applies what differs, says it, and then that nothing changed`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab, guest } = scene;
    const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.52' });
    t.is((await other.online()).exitCode, 0);
    const nothing = {
      exitCode: 0,
      stdout: 'nothing changed: 2 ports guarded as configs and xenstore say',
      stderr: '',
    };
    const before = await guards(lab);
    t.deepEqual(await vifguard(lab, ['reload']), nothing);
    t.deepEqual(await guards(lab), before);
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);

    await setAddresses(guest, '192.0.2.42 2001:db8:0:ffff::41');
    await setDirectives(guest, 'peers=open');
    t.deepEqual(await vifguard(lab, ['reload']), {
      exitCode: 0,
      stdout: 'web1 (vif1.0): ipv4 is 192.0.2.42 (was 192.0.2.41); peers is open (was isolated)',
      stderr: '',
    });
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.42']);
    t.is(await lab.store.read('/local/domain/0/backend/vif/1/0/vifguard/ipv4'), '192.0.2.42');
    const checked = await vifguard(lab, ['check']);
    t.is(checked.exitCode, 0, checked.stdout);
    t.deepEqual(await vifguard(lab, ['reload']), nothing);
    t.true(await ping(guest, GATEWAY.ip6));

    await setDirectives(guest, 'mode=disabled');
    t.regex((await vifguard(lab, ['reload', 'web1'])).stdout, /mode is disabled/);
    t.regex((await lab.exec('ip', ['link', 'show', 'vif1.0'])).stdout, /state DOWN/);
    await setDirectives(guest, 'mode=unlocked');
    t.is((await vifguard(lab, ['reload', 'web1'])).exitCode, 0);
    await guest.linkUp();
    t.deepEqual(await passing(scene, SOURCES), SOURCES);
    await setDirectives(guest, '');
    t.is((await vifguard(lab, ['reload', 'vif1.0'])).exitCode, 0);
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.42']);
    await setAddresses(guest, '192.0.2.41 2001:db8:0:ffff::41');
    t.is((await vifguard(lab, ['reload'])).exitCode, 0);
    const after = await guards(lab);
    for (const listing of ['links', 'fdb'] as const) t.deepEqual(after[listing], before[listing]);
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
  });

  test(`${backend}: a new config that cannot be used leaves its port's guard, and others are reloaded`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab, guest } = scene;
    const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.52' });
    t.is((await other.online()).exitCode, 0);
    const before = await guards(lab);
    const refusals: readonly [setup: () => Promise<void>, message: RegExp][] = [
      [() => setAddresses(guest, '192.0.2.300'), /backend\/vif\/1\/0\/ip: "192\.0\.2\.300"/],
      [() => setAddresses(guest, '192.0.2.52'), /192\.0\.2\.52: web2 \(vif2\.0\) holds/],
      [() => setAddresses(guest, '192.0.2.2'), /192\.0\.2\.2: this host itself holds/],
      [() => setDirectives(guest, 'moed=locked'), /web1\.cfg:3:\d+: .*"moed"; did you mean "mode"/],
    ];
    for (const [setup, message] of refusals) {
      await setup();
      for (const args of [['reload'], ['reload', 'vif1.0']]) {
        const { exitCode, stdout, stderr } = await vifguard(lab, args);
        t.is(exitCode, 1);
        t.is(stdout, '');
        t.regex(stderr, /^vifguard: web1 \(vif1\.0\) keeps the guard it had: [^\n]*$/);
        t.regex(stderr, message);
      }
      t.deepEqual(await guards(lab), before);
    }
    await setDirectives(guest, '');
    await lab.store.rm('/local/domain/0/backend/vif/1/0');
    t.deepEqual(await vifguard(lab, ['reload']), {
      exitCode: 1,
      stdout: '',
      stderr: `vifguard: web1 (vif1.0) keeps the guard it had: backend/vif/1/0 is gone from xenstore; restart the guest`,
    });
    await setAddresses(other, '192.0.2.53');
    const { exitCode, stdout, stderr } = await vifguard(lab, ['reload']);
    t.deepEqual([exitCode, stdout], [1, 'web2 (vif2.0): ipv4 is 192.0.2.53 (was 192.0.2.52)']);
    t.regex(stderr, /^vifguard: web1 \(vif1\.0\) keeps/);
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);

    await configure(lab, { backend, text: 'moed = "locked"' });
    const bad = await vifguard(lab, ['reload']);
    t.is(bad.exitCode, 2);
    t.regex(bad.stderr, /^vifguard: \S+vif-guard\.conf:3:1: unknown setting "moed"/);
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);
  });

  test(`${backend}: a port that is off its bridge gets its new policy, and stays down`, async (t) => {
    const { lab, guest } = await startScene(t, backend);
    await lab.dom0.namespace.ip('link set vif1.0 down nomaster');
    await setAddresses(guest, '192.0.2.42');
    t.regex((await vifguard(lab, ['reload'])).stdout, /ipv4 is 192\.0\.2\.42 \(was 192\.0\.2\.41\)/);
    t.regex((await lab.exec('ip', ['link', 'show', 'vif1.0'])).stdout, /state DOWN/);
    await lab.dom0.namespace.ip('link set vif1.0 up');
    await setDirectives(guest, 'mode=disabled');
    t.regex((await vifguard(lab, ['reload'])).stdout, /mode is disabled/);
    t.regex((await lab.exec('ip', ['link', 'show', 'vif1.0'])).stdout, /state DOWN/);
  });

  test(`${backend}: guests that exchange their addresses are no conflict`, async (t) => {
    const { lab, guest } = await startScene(t, backend);
    const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.42' });
    t.is((await other.online()).exitCode, 0);
    await setAddresses(guest, '192.0.2.42');
    await setAddresses(other, '192.0.2.41');
    const { exitCode, stdout } = await vifguard(lab, ['reload']);
    t.is(exitCode, 0);
    t.regex(stdout, /^web1 .* is 192\.0\.2\.42 .*\nweb2 .* is 192\.0\.2\.41 /);
    t.deepEqual(await passing({ lab, guest }, SOURCES), ['192.0.2.42']);
    t.deepEqual(await passing({ lab, guest: other }, SOURCES), ['192.0.2.41']);
  });
}

test('all ports move from one backend to the other and back', async (t) => {
  const scene = await startScene(t, 'xtables');
  const { lab, guest } = scene;
  const other = await lab.guest({ domid: 2, name: 'web2', ip: '192.0.2.52' });
  t.is((await other.online()).exitCode, 0);
  const before = await guards(lab);
  for (const [from, to] of [
    ['xtables', 'nftables'],
    ['nftables', 'xtables'],
  ] as const) {
    await configure(lab, { backend: to });
    t.deepEqual(await vifguard(lab, ['reload']), {
      exitCode: 0,
      stdout: `packet filter: moved from ${from} to ${to}`,
      stderr: '',
    });
    t.true(await ping(guest, GATEWAY.ip6), to);
  }
  t.deepEqual(await guards(lab), before);
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
  t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);
});

for (const [from, to, tool] of [
  ['nftables', 'xtables', 'ip6tables-nft-restore'],
  ['xtables', 'nftables', 'nft'],
] as const) {
  test(`a move to ${to} that fails leaves ${from} in charge, and nothing of ${to}`, async (t) => {
    const scene = await startScene(t, from);
    const { lab } = scene;
    const before = await guards(lab);
    await replaceTool(lab, tool, '[ "$1" != -j ] || exec /usr/sbin/nft "$@"; echo no luck >&2; exit 1');
    await configure(lab, { backend: to });
    const { exitCode, stderr } = await vifguard(lab, ['reload']);
    t.is(exitCode, 1);
    t.regex(stderr, new RegExp(`^vifguard: ${tool} refused the rules: no luck`));
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);
    await restoreTool(lab);
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
    t.deepEqual((await guards(lab)).links, before.links);
    await configure(lab, { backend: from });
    t.regex((await vifguard(lab, ['reload'])).stdout, /^nothing changed/);
  });
}

/** Kills a move from xtables to nftables between new rules and old ones. */
async function interruptMove(lab: Lab): Promise<void> {
  const stuck = 'input=$(cat); case $input in *"-X vg-"*) exec sleep 60 ;; esac';
  const rest = 'printf "%s\\n" "$input" | exec /usr/sbin/ebtables-nft-restore "$@"';
  await replaceTool(lab, 'ebtables-nft-restore', `${stuck}\n${rest}`);
  await configure(lab, { backend: 'nftables' });
  const script = `exec env ${Object.entries(lab.environment)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')} ${VIFGUARD} reload`;
  const killed = lab.dom0.namespace.spawn('sh', ['-c', script]);
  await poll(
    'the removal of the old rules',
    async () => (await registryText(lab)).includes('"leaving"'),
    20_000,
  );
  await poll(
    'the new rules',
    async () => (await lab.exec('nft', ['list', 'tables'])).stdout.includes('bridge vifguard'),
    20_000,
  );
  killed.kill('SIGKILL');
  await restoreTool(lab);
}

test('a move that is killed between new rules and old ones leaves both, and the next reload ends it', async (t) => {
  const scene = await startScene(t, 'xtables');
  const { lab, guest } = scene;
  await interruptMove(lab);
  t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);
  const checked = await vifguard(lab, ['check']);
  t.regex(
    checked.stdout,
    /^xtables: the move to nftables was interrupted: rules of both are there; run "vifguard host up"$/m,
  );
  t.is((await vifguard(lab, ['reload'])).stdout, 'packet filter: moved from xtables to nftables');
  t.is((await vifguard(lab, ['check'])).exitCode, 0);
  t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);
  t.is((await guest.offline()).exitCode, 0);
  t.false((await lab.exec('nft', ['list', 'ruleset'])).stdout.includes('vg-'));
});

test('after a move that was killed, "host down" takes away the rules of both, and what bridges were told', async (t) => {
  const { lab, guest } = await startScene(t, 'xtables');
  const calls = () => lab.dom0.namespace.run('cat', ['/sys/class/net/xenbr0/bridge/nf_call_ip6tables']);
  t.is((await vifguard(lab, ['host', 'up'])).exitCode, 0);
  t.is((await calls()).trim(), '1');
  await interruptMove(lab);
  t.is((await guest.offline()).exitCode, 0);
  t.is((await vifguard(lab, ['host', 'down'])).exitCode, 0);
  t.is((await calls()).trim(), '0');
  t.notRegex((await lab.exec('nft', ['list', 'ruleset'])).stdout, /vg-|vifguard/);
});

/** By backend, the tool, and what tells from its input whether that is for the new policy. */
const WRITERS = [
  ['xtables', 'ebtables-nft-restore', async () => 'grep -qF 192.0.2.42'],
  ['nftables', 'nft', async (lab: Lab) => `grep -o 'class-[0-9a-f]*' | grep -qvx ${await onlyClass(lab)}`],
] as const;

/** The class of policies that the guest's is of, as long as it is alone. */
async function onlyClass(lab: Lab): Promise<string> {
  const { stdout } = await lab.exec('nft', ['list', 'table', 'bridge', 'vifguard']);
  return /class-[0-9a-f]+/.exec(stdout)?.[0] ?? '';
}

for (const [backend, tool, telling] of WRITERS) {
  test(`${backend}: rules that the kernel refuses leave the port's old guard`, async (t) => {
    const scene = await startScene(t, backend);
    const { lab, guest } = scene;
    await replaceTool(
      lab,
      tool,
      `input=$(cat); if printf '%s' "$input" | ${await telling(lab)}; then echo no luck >&2; exit 1; fi
printf '%s\\n' "$input" | exec /usr/sbin/${tool} "$@"`,
    );
    await setAddresses(guest, '192.0.2.42');
    const { exitCode, stdout, stderr } = await vifguard(lab, ['reload']);
    t.deepEqual([exitCode, stdout], [1, '']);
    t.regex(stderr, /^vifguard: web1 \(vif1\.0\) was not reloaded: .* refused the rules: no luck/);
    t.deepEqual(await passing(scene, SOURCES), ['192.0.2.41']);
    await restoreTool(lab);
    t.is((await vifguard(lab, ['check'])).exitCode, 0);
    t.regex((await vifguard(lab, ['reload'])).stdout, /ipv4 is 192\.0\.2\.42/);
  });
}

async function registryText(lab: Lab): Promise<string> {
  return (await lab.exec('sh', ['-c', 'cat /run/vifguard/net-*/host.json'])).stdout;
}
