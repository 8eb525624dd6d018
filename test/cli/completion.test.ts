import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bashCompletion, zshCompletion } from '../../scripts/completion.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { openTerminal } from '../../src/cli/terminal.ts';
import { type Lab, startLab } from '../lab/lab.ts';

const terminal = openTerminal(process.stderr);
const PROGRAM = buildProgram({ stdout: terminal, stderr: terminal }, () => undefined);

/** What bash offers for the last of these words. */
async function bash(lab: Lab, ...words: readonly string[]): Promise<string[]> {
  await lab.writeFile('vifguard.bash', bashCompletion(PROGRAM));
  const script = [
    `cd ${lab.dir} && source ./vifguard.bash`,
    'COMP_WORDS=(vifguard "$@") COMP_CWORD=$#',
    '_vifguard',
    `printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  const { stdout } = await lab.exec('bash', ['-c', script.join('\n'), 'bash', ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes verbs, options, ports and files', async (t) => {
  const lab = await startLab(t);
  await (await lab.guest({ domid: 1 })).onlineUnguarded();
  await lab.dom0.namespace.ip('link add $(reboot) type veth', 'link set $(reboot) master xenbr0');
  await lab.writeFile('web1.cfg', '');
  t.deepEqual(await bash(lab, 'st'), ['status']);
  t.deepEqual(await bash(lab, ''), PROGRAM.commands.map((verb) => verb.name()).concat('--version', '--help'));
  t.deepEqual(await bash(lab, 'host', ''), ['up', 'down', '--help']);
  t.deepEqual(await bash(lab, 'host', 'd'), ['down']);
  t.deepEqual(await bash(lab, 'check', '--j'), ['--json']);
  t.deepEqual(await bash(lab, 'show', 'vif'), ['vif1.0']);
  t.deepEqual(await bash(lab, 'show', 'vif1.0', '--j'), ['--json']);
  t.deepEqual(
    await bash(lab, 'show', '').then((words) => words.filter((word) => word.includes('reboot'))),
    [],
  );
  t.deepEqual(await bash(lab, 'lint', 'web'), ['web1.cfg']);
  t.deepEqual(await bash(lab, 'lint', 'web1.cfg', 'we'), ['web1.cfg']);
  t.deepEqual(await bash(lab, 'explain', '--config', 'we'), ['web1.cfg']);
  t.deepEqual(await bash(lab, 'explain', '--config', 'web1.cfg', '--h'), ['--hex', '--help']);
});

/** Types a line with a tab at its end into an interactive zsh, and gives the line as it is then. */
async function zsh(t: ExecutionContext, lab: Lab, line: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-zsh-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, '_vifguard'), zshCompletion(PROGRAM));
  const script = `
    zmodload zsh/zpty
    zpty shell TERM=dumb PS1= zsh -fi
    zpty -w shell 'unsetopt zle_bracketed_paste; fpath=(${directory} $fpath); autoload -U compinit; compinit -u -d ${directory}/dump'
    zpty -w shell 'show-line() { print -r -- "<$BUFFER>" >${directory}/line; }; zle -N show-line; bindkey "^X^L" show-line; cd ${lab.dir}; print ready'
    while zpty -r shell said; do [[ $said == ready* ]] && break; done
    zpty -w -n shell $'${line}\\t\\C-x\\C-l'
    for ((i = 0; i < 100; i++)); do [[ -s ${directory}/line ]] && break; sleep 0.05; done
    cat ${directory}/line`;
  const { stdout } = await lab.exec('zsh', ['-fc', script], { timeout: 30_000 });
  return stdout;
}

test('zsh completes verbs, options, ports and files', async (t) => {
  const lab = await startLab(t);
  await (await lab.guest({ domid: 1 })).onlineUnguarded();
  await lab.writeFile('web1.cfg', '');
  t.is(await zsh(t, lab, 'vifguard sta'), '<vifguard status >');
  t.is(await zsh(t, lab, 'vifguard host d'), '<vifguard host down >');
  t.is(await zsh(t, lab, 'vifguard check --j'), '<vifguard check --json >');
  t.is(await zsh(t, lab, 'vifguard show vif'), '<vifguard show vif1.0 >');
  t.is(await zsh(t, lab, 'vifguard lint we'), '<vifguard lint web1.cfg >');
  t.is(await zsh(t, lab, 'vifguard explain --config we'), '<vifguard explain --config web1.cfg >');
});
