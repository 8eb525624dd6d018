import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import packageJson from '../../package.json' with { type: 'json' };
import { BACKENDS, type BackendName } from '../../src/backends/names.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { guardedGuest, vifguard } from '../cli/vifguard.ts';
import * as f from '../frames/index.ts';
import type { Guest } from '../lab/guest.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { poll } from '../lab/poll.ts';
import { GATEWAY } from '../lab/segment.ts';
import { startWatcher } from '../watch/watcher.ts';
import { parseExposition, type Sample } from './exposition.ts';

const NAME = 'a "web"\\1\nz';

/** A watch with metrics as the host config says, and a guest whose name wants to be quoted. */
async function startScene(t: ExecutionContext, backend: BackendName, config: (lab: Lab) => string) {
  const lab = await startLab(t, { backend });
  await lab.writeHostConfig(config(lab));
  const guest = await guardedGuest(lab, { domid: 1, name: NAME, ip: '192.0.2.41 2001:db8:0:ffff::41' });
  const watcher = await startWatcher(lab);
  // What is done to the port while it takes its first look at all would count with the filter.
  await watcher.quiet(500);
  return { lab, guest, watcher };
}

const socketOf = (lab: Lab) => `${lab.dir}/metrics.sock`;
const onSocket = (lab: Lab) => `metrics_listen = "${socketOf(lab)}"`;

async function scrape(lab: Lab, ...args: readonly string[]): Promise<readonly Sample[]> {
  const { stdout, stderr, exitCode } = await lab.exec('curl', ['-sS', '--fail', '--max-time', '20', ...args]);
  if (exitCode !== 0) throw new Error(stderr);
  return parseExposition(`${stdout}\n`).samples;
}

const scrapeSocket = (lab: Lab) => scrape(lab, '--unix-socket', socketOf(lab), 'http://localhost/metrics');

function sampleOf(
  samples: readonly Sample[],
  name: string,
  labels: Sample['labels'] = {},
): number | undefined {
  const isMeant = (sample: Sample) =>
    sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text);
  return samples.find(isMeant)?.value;
}

const spoofed = (guest: Guest) =>
  f.ethernet(
    { src: guest.mac, dst: GATEWAY.mac },
    f.ipv4({ src: '192.0.2.66', dst: GATEWAY.ip }, f.udp({ srcPort: 9, dstPort: 9 }, f.marker())),
  );

/** Until what changed is counted: numbers are at most 5 s old. */
async function settles(
  lab: Lab,
  isThere: (samples: readonly Sample[]) => boolean,
  timeout = 20_000,
): Promise<void> {
  let samples: readonly Sample[] = [];
  await poll(
    'the numbers',
    async () => {
      samples = await scrapeSocket(lab);
      return isThere(samples) || sleep(200).then(() => false);
    },
    timeout,
  );
}

/** What fails again and again is tried every 30 s. */
const PATIENT_MS = 60_000;

for (const backend of BACKENDS) {
  test(`${backend}: drops, ports, heals and events are counted, on a unix socket that is root’s`, async (t) => {
    const { lab, guest } = await startScene(t, backend, onSocket);
    const { mode, gid, uid } = await stat(socketOf(lab));
    t.deepEqual([mode & 0o777, uid, gid], [0o660, 0, 0]);

    const first = await scrapeSocket(lab);
    t.is(sampleOf(first, 'vifguard_build_info', { version: packageJson.version }), 1);
    t.is(sampleOf(first, 'vifguard_ports', { state: 'guarded' }), 1);
    for (const state of ['down', 'drifted', 'unguarded'])
      t.is(sampleOf(first, 'vifguard_ports', { state }), 0);
    t.is(sampleOf(first, 'vifguard_heals_total', { part: 'port', outcome: 'success' }), 0);
    t.is(sampleOf(first, 'vifguard_event_duration_seconds_count', { action: 'attach' }), 0);

    await guest.send(...Array.from({ length: 40 }, () => spoofed(guest)));
    const drop = { port: 'vif1.0', guest: NAME, reason: 'ipv4-spoof' };
    await settles(lab, (samples) => sampleOf(samples, 'vifguard_dropped_frames_total', drop) === 40);

    await lab.exec('bridge', ['link', 'set', 'dev', 'vif1.0', 'locked', 'off']);
    const heal = { part: 'port', outcome: 'success' };
    await settles(lab, (samples) => sampleOf(samples, 'vifguard_heals_total', heal) === 1);
    await lab.exec('nft', ['flush', 'ruleset']);
    const filter = { part: 'filter', outcome: 'success' };
    await settles(lab, (samples) => (sampleOf(samples, 'vifguard_heals_total', filter) ?? 0) >= 1);
    await lab.store.write({ '/local/domain/0/backend/vif/1/0/ip': '192.0.2.300' });
    const refused = { part: 'policy', outcome: 'failure' };
    await settles(lab, (samples) => sampleOf(samples, 'vifguard_heals_total', refused) === 1);
    await lab.store.write({ '/local/domain/0/backend/vif/1/0/ip': '192.0.2.41 2001:db8:0:ffff::41' });

    const attach = { action: 'attach', outcome: 'success' };
    await guardedGuest(lab, { domid: 2, name: 'web2', ip: '192.0.2.42' });
    await lab.dom0.namespace.ip('link set vif2.0 down');
    await (await lab.guest({ domid: 3 })).onlineUnguarded();
    await settles(
      lab,
      (samples) =>
        sampleOf(samples, 'vifguard_event_duration_seconds_count', attach) === 1 &&
        sampleOf(samples, 'vifguard_ports', { state: 'guarded' }) === 1 &&
        sampleOf(samples, 'vifguard_ports', { state: 'down' }) === 1 &&
        sampleOf(samples, 'vifguard_ports', { state: 'unguarded' }) === 1,
    );
    const last = await scrapeSocket(lab);
    const sum = sampleOf(last, 'vifguard_event_duration_seconds_sum', attach) ?? 0;
    t.true(sum > 0 && sum < 30);
    t.is(sampleOf(last, 'vifguard_event_duration_seconds_bucket', { ...attach, le: '+Inf' }), 1);
    await guest.offline();
    await settles(lab, (samples) => sampleOf(samples, 'vifguard_dropped_frames_total', drop) === undefined);
  });

  test(`${backend}: a port whose rules cannot be put back is counted as drifted`, async (t) => {
    const { lab, watcher } = await startScene(t, backend, onSocket);
    // What stands in for the tools refuses, but lists.
    const bin = `${lab.dir}/bin`;
    await mkdir(bin);
    for (const tool of ['nft', 'ebtables-nft-restore', 'ip6tables-nft-restore']) {
      await writeFile(
        `${bin}/${tool}`,
        `#!/bin/sh\ncase "$*" in *list*) exec /usr/sbin/${tool} "$@" ;; *) exit 1 ;; esac\n`,
      );
      await chmod(`${bin}/${tool}`, 0o755);
    }
    await lab.dom0.namespace.run('mount', ['--bind', bin, '/usr/local/sbin']);
    await lab.exec('/usr/sbin/nft', ['flush', 'ruleset']);
    await watcher.said(/^packet filter: cannot be put right/);
    await settles(
      lab,
      (samples) =>
        sampleOf(samples, 'vifguard_ports', { state: 'drifted' }) === 1 &&
        (sampleOf(samples, 'vifguard_heals_total', { part: 'filter', outcome: 'failure' }) ?? 0) > 0,
    );
    await lab.dom0.namespace.run('umount', ['--lazy', '/usr/local/sbin']);
    const isWell = (samples: readonly Sample[]) =>
      sampleOf(samples, 'vifguard_ports', { state: 'guarded' }) === 1;
    await t.notThrowsAsync(settles(lab, isWell, PATIENT_MS));
  });
}

test('on a port of loopback, and nothing there but metrics', async (t) => {
  const { lab, watcher } = await startScene(t, 'nftables', () => 'metrics_listen = "127.0.0.1:9476"');
  const url = 'http://127.0.0.1:9476';
  t.is(sampleOf(await scrape(lab, `${url}/metrics`), 'vifguard_ports', { state: 'guarded' }), 1);
  const status = async (...args: readonly string[]) =>
    (await lab.exec('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', ...args])).stdout;
  t.is(await status(`${url}/`), '404');
  t.is(await status('-X', 'POST', `${url}/metrics`), '405');
  t.is(await status('--head', `${url}/metrics`), '200');
  t.is(await status('http://192.0.2.2:9476/metrics'), '000');
  t.is(await watcher.end(), 0);
  t.is(await status(`${url}/metrics`), '000');
});

test('many who ask at once are answered by one look', async (t) => {
  let looks = 0;
  const metrics = new Metrics(async () => {
    looks += 1;
    return { ports: { guarded: looks, down: 0, drifted: 0, unguarded: 0 }, drops: [] };
  });
  const texts = await Promise.all(Array.from({ length: 10 }, () => metrics.text()));
  t.is(looks, 1);
  for (const text of texts) {
    t.is(sampleOf(parseExposition(text).samples, 'vifguard_ports', { state: 'guarded' }), 1);
  }
});

test('one who says nothing keeps nobody, and not the end either', async (t) => {
  const { lab, watcher } = await startScene(t, 'xtables', onSocket);
  lab.dom0.namespace.spawn('socat', ['-', `UNIX-CONNECT:${socketOf(lab)}`]);
  t.is(sampleOf(await scrapeSocket(lab), 'vifguard_ports', { state: 'guarded' }), 1);
  t.is(await watcher.end(), 0);
});

test('the textfile is replaced at once, for everybody to read, and goes with the watch', async (t) => {
  const { lab, watcher } = await startScene(t, 'nftables', ({ dir }) => `metrics_textfile = "${dir}/v.prom"`);
  const file = `${lab.dir}/v.prom`;
  const text = await poll('the textfile', () => readFile(file, 'utf8').catch(() => ''));
  t.is(sampleOf(parseExposition(text).samples, 'vifguard_ports', { state: 'guarded' }), 1);
  const { mode, ino } = await stat(file);
  t.is(mode & 0o777, 0o644);
  await poll('the next one', async () => (await stat(file)).ino !== ino, 30_000);
  const next = parseExposition(await readFile(file, 'utf8')).samples;
  t.is(sampleOf(next, 'vifguard_ports', { state: 'guarded' }), 1);
  t.is(await watcher.end(), 0);
  await t.throwsAsync(stat(file), { code: 'ENOENT' });
  await t.throwsAsync(stat(`${file}.new`), { code: 'ENOENT' });
});

test('where metrics cannot go, the guards still stand, and it is said why', async (t) => {
  const config = ({ dir }: Lab) =>
    `metrics_listen = "${dir}/vif-guard.conf"\nmetrics_textfile = "${dir}/none/v.prom"`;
  const { lab, watcher } = await startScene(t, 'nftables', config);
  await watcher.said(/^cannot serve metrics on \S+vif-guard\.conf: \S+ is no socket; move it away$/);
  await watcher.said(/^cannot write metrics to \S+v\.prom: ENOENT/);
  await lab.exec('bridge', ['link', 'set', 'dev', 'vif1.0', 'locked', 'off']);
  await watcher.said(/^vif1\.0: locked is off, should be on; restored$/);
  t.regex(await readFile(`${lab.dir}/vif-guard.conf`, 'utf8'), /metrics_listen/);
});

test('a socket that was left is taken, and one that is in use is not', async (t) => {
  const { lab, watcher } = await startScene(t, 'nftables', onSocket);
  await watcher.end('SIGKILL');
  const second = await startWatcher(lab);
  t.is(sampleOf(await scrapeSocket(lab), 'vifguard_ports', { state: 'guarded' }), 1);
  t.is(await second.end(), 0);
  const other = lab.dom0.namespace.spawn('socat', [`UNIX-LISTEN:${socketOf(lab)},fork`, 'SYSTEM:true']);
  await poll('the other listener', () => stat(socketOf(lab)).catch(() => undefined));
  const third = await startWatcher(lab);
  await third.said(/^cannot serve metrics on \S+: another process listens there; choose another path$/);
  t.is(other.exitCode, null);
});

test('a place that others could reach is refused', async (t) => {
  const lab = await startLab(t, { hostConfig: 'metrics_listen = "192.0.2.2:9476"' });
  const { exitCode, stderr } = await vifguard(lab, ['watch']);
  t.is(exitCode, 2);
  t.regex(stderr, /"192\.0\.2\.2:9476" could be reached from elsewhere/);
});
