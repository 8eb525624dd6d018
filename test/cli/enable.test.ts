import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { Namespace } from '../lab/netns.ts';

const PROGRAM = fileURLToPath(new URL('../../hotplug/vifguard', import.meta.url));
const OURS = 'vif.default.script="vif-guard"';

/** A machine with an /etc/xen of its own, and this in its xl.conf; none without. */
async function host(t: ExecutionContext, xlConf?: string): Promise<Namespace> {
  const namespace = await Namespace.start('dom0');
  t.teardown(() => namespace.stop());
  const script = [
    'mkdir /run/etc /run/etc.work',
    'mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work /etc',
    'mkdir -p /etc/xen',
    ...(xlConf === undefined ? [] : ['cat >/etc/xen/xl.conf']),
  ];
  await namespace.run('sh', ['-ec', script.join('\n')], { input: Buffer.from(xlConf ?? '', 'latin1') });
  return namespace;
}

const vifguard = (namespace: Namespace, ...args: readonly string[]) => namespace.try(PROGRAM, args);
const sh = (namespace: Namespace, script: string) => namespace.run('sh', ['-ec', script]);
const xlConf = (namespace: Namespace) => sh(namespace, 'base64 -w0 /etc/xen/xl.conf');
const encoded = (text: string) => Buffer.from(text, 'latin1').toString('base64');

const ORIGINAL = '# B\xfccher\n#vif.default.script="vif-bridge"\nautoballoon="off"\n';
const ENABLED = `# B\xfccher\n#vif.default.script="vif-bridge"\n${OURS}\nautoballoon="off"\n`;

test('enable prints the change, and makes it only with --write; disable undoes it in the same way', async (t) => {
  const dom0 = await host(t, ORIGINAL);
  t.deepEqual(await vifguard(dom0, 'enable'), {
    exitCode: 0,
    stdout: [
      `/etc/xen/xl.conf:3: + ${OURS}`,
      `vif.default.script is "vif-bridge", Xen's own default; "vifguard enable --write" makes the change`,
    ].join('\n'),
    stderr: '',
  });
  t.is(await xlConf(dom0), encoded(ORIGINAL));

  const enabled = await vifguard(dom0, 'enable', '--write');
  t.is(enabled.exitCode, 0, enabled.stderr);
  t.regex(
    enabled.stdout,
    /^\/etc\/xen\/xl\.conf:3: \+ .*\nwritten; .* was "vif-bridge", Xen's own default\n/,
  );
  t.is(await xlConf(dom0), encoded(ENABLED));
  t.is(
    (await vifguard(dom0, 'enable', '--write')).stdout,
    'nothing to do: vif.default.script is "vif-guard" in line 3',
  );

  t.deepEqual(await vifguard(dom0, 'disable'), {
    exitCode: 0,
    stdout: [
      `/etc/xen/xl.conf:3: - ${OURS}`,
      `vif.default.script becomes "vif-bridge", Xen's own default; "vifguard disable --write" makes the change`,
    ].join('\n'),
    stderr: '',
  });
  t.is(await xlConf(dom0), encoded(ENABLED));
  t.is((await vifguard(dom0, 'disable', '--write')).exitCode, 0);
  t.is(await xlConf(dom0), encoded(ORIGINAL));
  t.is(
    (await vifguard(dom0, 'disable', '--write')).stdout,
    `nothing to do: vif.default.script is "vif-bridge", Xen's own default`,
  );
});

test('another script is named, stays, and counts again', async (t) => {
  const text = 'vif.default.script="vif-openvswitch"\n';
  const dom0 = await host(t, text);
  t.regex((await vifguard(dom0, 'enable', '--write')).stdout, / was "vif-openvswitch" in line 1$/m);
  t.is(await xlConf(dom0), encoded(`${text}${OURS}\n`));
  t.regex((await vifguard(dom0, 'disable', '--write')).stdout, / is "vif-openvswitch" in line 1$/m);
  t.is(await xlConf(dom0), encoded(text));
});

test('the file is replaced at once; owner, mode and a link to it stay', async (t) => {
  const dom0 = await host(t, ORIGINAL);
  await sh(
    dom0,
    'cd /etc/xen; mv xl.conf real.conf; ln -s real.conf xl.conf; chown 7:8 real.conf; chmod 640 real.conf',
  );
  // A reader that has opened it goes on to see the file as it was.
  const script = `exec 3</etc/xen/xl.conf; ${PROGRAM} enable --write >/dev/null; cat <&3; stat -c '%u:%g %a %F' /etc/xen/*`;
  const output = await sh(dom0, script);
  t.false(output.includes(OURS));
  t.deepEqual(output.split('\n').slice(-2), ['7:8 640 regular file', '0:0 777 symbolic link']);
  t.is(await xlConf(dom0), encoded(ENABLED));
});

test('where it cannot be written, all stays as it is', async (t) => {
  const dom0 = await host(t, ORIGINAL);
  await sh(dom0, 'mount --bind /etc/xen /etc/xen; mount -o remount,bind,ro /etc/xen');
  const { exitCode, stdout, stderr } = await vifguard(dom0, 'enable', '--write');
  t.is(exitCode, 1);
  t.is(stdout, '');
  t.regex(stderr, /^vifguard: cannot write \/etc\/xen\/xl\.conf: EROFS/);
  t.is(await xlConf(dom0), encoded(ORIGINAL));
});

test('without an xl.conf, or with one that xl cannot read, it says so', async (t) => {
  const none = await vifguard(await host(t), 'enable', '--write');
  t.is(none.exitCode, 2);
  t.regex(none.stderr, /^vifguard: \/etc\/xen\/xl\.conf: there is no such file; run this in dom0/);
  const bad = await host(t, 'vif.default.script=vif-bridge\n');
  for (const verb of ['enable', 'disable']) {
    const { exitCode, stderr } = await vifguard(bad, verb, '--write');
    t.is(exitCode, 2);
    t.regex(stderr, /^vifguard: \/etc\/xen\/xl\.conf:1:20: "vif" cannot stand here; put text in quotes/);
  }
});

test('doctor says which command to run, and is content after it', async (t) => {
  const dom0 = await host(t, ORIGINAL);
  const before = await vifguard(dom0, 'doctor');
  t.regex(
    before.stdout,
    /^warn {2}vif\.default\.script: is "vif-bridge".*\n +-> run "vifguard enable --write"$/m,
  );
  await vifguard(dom0, 'enable', '--write');
  t.regex((await vifguard(dom0, 'doctor')).stdout, /^ok {4}vif\.default\.script: vif-guard$/m);
});
