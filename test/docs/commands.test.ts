import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { VIFGUARD } from '../cli/vifguard.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { commandsOf, type PageCommand, patternOf } from './pages.ts';

const root = (path: string) => new URL(`../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(root(path), 'utf8');

const PAGES = [
  'README.md',
  ...readdirSync(root('docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** What cannot run in the lab: how such commands begin, the file that runs them, and how that names them. */
const ELSEWHERE: readonly { readonly command: string; readonly file: string; readonly words: string }[] = [
  { command: 'make demo', file: '.ci/run', words: 'make demo' },
  { command: 'make test', file: '.ci/run', words: 'make test' },
  { command: 'make bench', file: 'Makefile', words: 'tsx test/bench/bench.ts' },
  { command: 'apt install ./vifguard_', file: 'test/deb/debian-dom0.ts', words: 'apt-get install' },
  { command: 'apt remove vifguard', file: 'test/deb/deb.test.ts', words: "remove('remove')" },
  {
    command: 'systemctl enable --now vifguard',
    file: 'test/deb/deb.test.ts',
    words: 'wants/vifguard.service',
  },
  { command: 'curl --unix-socket', file: 'test/metrics/metrics.test.ts', words: '--unix-socket' },
  { command: 'xl network-attach', file: 'test/xen/guest.ts', words: 'xl network-attach' },
  { command: 'xl network-detach', file: 'test/xen/guest.ts', words: 'xl network-detach' },
  ...['iptables -I DOCKER-USER', 'iptables -I ufw-before-forward', 'ip6tables -I ufw6-before-forward'].map(
    (command) => ({ command, file: 'test/docs/firewalls.test.ts', words: command }),
  ),
  {
    command: 'firewall-cmd --permanent --zone=public --change-interface=xenbr0',
    file: 'test/docs/firewalls.test.ts',
    words: 'firewall-cmd --permanent --zone=public --change-interface=xenbr0',
  },
  { command: 'firewall-cmd --reload', file: 'test/docs/firewalls.test.ts', words: 'and --reload' },
];

const CONFIGS: Readonly<Record<string, string>> = {
  'xl.conf': '#vif.default.script="vif-bridge"\n',
  'vif-guard.conf': '',
  'web1.cfg': `name = "web1"
vif = [ 'mac=00:16:3e:38:b4:ac,bridge=xenbr0,ip=192.0.2.43 2001:db8:0:ffff::43' ]
vifguard = [ 'dhcp=off,dom0=icmp' ]
`,
  'web2.cfg': `name = "web2"\nvif = [ 'mac=00:16:3e:38:b4:ae,bridge=xenbr0,ip=192.0.2.42' ]\n`,
  'old1.cfg': `name = "old1"
vif = [ 'mac=00:16:3e:38:b4:ad,bridge=xenbr0,ip=192.0.2.44' ]
#ipv6=2001:db8::61
`,
};

/** What an admin of that page has on the host besides. */
const BEFORE: Readonly<Record<string, string>> = {
  'docs/migrating.md': 'ebtables -A FORWARD -i vif1.0 -s ! 00:16:3e:38:b4:ac -j DROP',
};

/** A dom0 with vifguard installed and two guests, as the pages have it. */
async function host(t: ExecutionContext, page: string): Promise<Lab> {
  const lab = await startLab(t, { environment: { VIFGUARD_CONF: '/etc/xen/vif-guard.conf' } });
  const install = [
    'mkdir /run/etc /run/etc.work',
    'mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work /etc',
    'rm -rf /etc/xen; mkdir -p /etc/xen/scripts',
    `ln -s '${lab.script}' /etc/xen/scripts/vif-guard`,
    ...Object.entries(CONFIGS).map(([name, text]) => `cat >/etc/xen/${name} <<'END'\n${text}END`),
    `echo 'backend = "${lab.backend}"' >/etc/xen/vif-guard.conf`,
  ];
  await lab.dom0.namespace.run('sh', ['-ec', install.join('\n')]);
  const run = (command: string) => runCommand(lab, command);
  t.is((await run('vifguard host up')).exitCode, 0);
  const guests = [
    await lab.guest({
      domid: 1,
      name: 'web1',
      mac: '00:16:3e:38:b4:ac',
      ip: '192.0.2.43 2001:db8:0:ffff::43',
    }),
    await lab.guest({ domid: 2, name: 'web2', mac: '00:16:3e:38:b4:ae', ip: '192.0.2.42' }),
  ];
  for (const guest of guests) t.is((await guest.online()).exitCode, 0);
  t.is((await run(BEFORE[page] ?? 'true')).exitCode, 0);
  return lab;
}

function runCommand(lab: Lab, command: string) {
  const path = `PATH="${dirname(VIFGUARD)}:$PATH"`;
  return lab.exec('sh', ['-ec', `${path}\n${command}`], { timeout: 60_000 });
}

/** Whether it ends only when it is told to. */
const stays = (command: string) => command.startsWith('vifguard monitor');

async function expectWorks(t: ExecutionContext, lab: Lab, { command, shown }: PageCommand): Promise<void> {
  const result = await runCommand(lab, stays(command) ? `exec timeout -s INT 3 ${command}` : command);
  const { exitCode, stdout, stderr } = result;
  const said = `${command}\n${stdout}\n${stderr}`;
  t.is(exitCode, exitCodeOf(command, stdout), said);
  t.is(stays(command) ? '' : stderr, '', said);
  t.regex(stdout, patternOf(shown), said);
}

/** timeout's, or the verdict of explain, or success. */
function exitCodeOf(command: string, stdout: string): number {
  if (stays(command)) return 124;
  return command.startsWith('vifguard explain') && !/^verdict +accept/m.test(stdout) ? 1 : 0;
}

const runsElsewhere = (command: string) => ELSEWHERE.some((entry) => command.startsWith(entry.command));

for (const page of PAGES) {
  test.serial(`${page}: every command works, and says what the page shows`, async (t) => {
    const commands = commandsOf(read(page)).filter(({ command }) => !runsElsewhere(command));
    t.true(commands.length > 0);
    const lab = await host(t, page);
    for (const command of commands) await expectWorks(t, lab, command);
  });
}

test('what cannot run in the lab is on a page, and its test runs it', (t) => {
  const commands = PAGES.flatMap((page) => commandsOf(read(page))).map(({ command }) => command);
  for (const { command, file, words } of ELSEWHERE) {
    t.true(
      commands.some((text) => text.startsWith(command)),
      `"${command}" is on no page`,
    );
    t.true(read(file).includes(words), `${file} has no "${words}"`);
  }
});

test('commands are fenced or indented; comments and settings are none', (t) => {
  const page = [
    'Text `no command`:',
    '',
    "    vifguard x 'a # b'; vifguard y  # what it does",
    '                                    # and more of that',
    "    vif = [ 'mac=1' ]",
    '',
    '1. In a list:',
    '',
    '   ```sh',
    '   vifguard z',
    '   ```',
    '',
    '   ```text',
    '   done: ... ports',
    '   ```',
    '',
    'Not its output:',
    '',
    '```text',
    'x',
    '```',
  ].join('\n');
  t.deepEqual(commandsOf(page), [
    { command: "vifguard x 'a # b'; vifguard y", shown: [] },
    { command: 'vifguard z', shown: ['done: ... ports'] },
  ]);
  t.regex('first\ndone: 3  ports\nlast', patternOf(['done: ... ports', 'last']));
  t.notRegex('done: 3 ports', patternOf(['done: ... bridges']));
});
