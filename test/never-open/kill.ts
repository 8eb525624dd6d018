import { LabError } from '../lab/error.ts';
import type { Lab } from '../lab/lab.ts';
import { compiledLibrary } from '../lab/program.ts';

// SIGKILL for whatever calls a tool of the packet filter, from that tool, or hands the kernel a transaction itself.

type Moment = 'before' | 'after';

const DIRECTORY = '/usr/local/sbin';
const TOOLS = ['ebtables-nft-restore', 'ip6tables-nft-restore', 'iptables-nft-restore', 'nft'];

// In a scratch namespace, where xtables' rules are only looked at, a shell calls them.
const SCRIPT = `#!/bin/sh
case $(readlink /proc/$PPID/exe) in
  */node | */nodejs) ;;
  *) exec /usr/sbin/\${0##*/} "$@" ;;
esac
read -r left moment <${DIRECTORY}/kill
echo $((left - 1)) "$moment" >${DIRECTORY}/kill
[ "$left $moment" != '1 before' ] || kill -KILL $PPID
/usr/sbin/\${0##*/} "$@"
status=$?
[ "$left $moment" != '1 after' ] || kill -KILL $PPID
exit $status
`;

/** Puts scripts in front of the tools, and of node, in dom0 alone. */
export async function wrapTools(lab: Lab): Promise<void> {
  const library = await compiledLibrary(new URL('kill-transaction.c', import.meta.url));
  const node = `#!/bin/sh
VIFGUARD_TEST_KILL=${DIRECTORY}/kill LD_PRELOAD=${library} exec ${process.execPath} "$@"
`;
  const commands = [
    `mount -t tmpfs tmpfs ${DIRECTORY}`,
    `cd ${DIRECTORY}`,
    `for tool in ${TOOLS.join(' ')}; do printf '%s' "$1" >$tool; done`,
    `printf '%s' "$2" >node`,
    'chmod +x *',
    'echo 0 none >kill',
  ];
  await lab.dom0.namespace.run('sh', ['-ec', commands.join('\n'), 'sh', SCRIPT, node]);
}

/**
 * Repeats a command, that each time is killed at a further call of a tool or transaction, until it comes to its end.
 * Gives how often it was killed.
 *
 * @throws LabError when it comes to its end without success.
 */
export async function killedAtEach(
  lab: Lab,
  moment: Moment,
  command: () => Promise<{ readonly exitCode: number; readonly stderr: string }>,
): Promise<number> {
  const arm = (call: number) =>
    lab.dom0.namespace.run('tee', [`${DIRECTORY}/kill`], { input: `${call} ${moment}\n` });
  for (let call = 1; ; call++) {
    await arm(call);
    const { exitCode, stderr } = await command();
    await arm(0);
    if (exitCode === 0) return call - 1;
    if (exitCode !== -1) throw new LabError(`the command ended by itself, with ${exitCode}: ${stderr}`);
  }
}
