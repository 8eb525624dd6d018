import test from 'ava';
import { execa } from 'execa';
import { VIFGUARD } from './vifguard.ts';

/** The exit code of a shell's `$VIFGUARD ...`, as `code`, and what the whole prints. */
async function shell(script: string): Promise<string> {
  const { all } = await execa('bash', ['-c', script], { env: { VIFGUARD }, all: true });
  return all;
}

test('output that a full disk does not take is said in one line', async (t) => {
  t.is(
    await shell('"$VIFGUARD" --help >/dev/full; echo "code $?"'),
    'vifguard: what there is to say cannot be written: ENOSPC: no space left on device, write\ncode 1',
  );
});

test('the exit code is the same whether anybody hears of it or not', async (t) => {
  t.is(await shell('"$VIFGUARD" stauts 2>/dev/full; echo "code $?"'), 'code 2');
  t.is(await shell('"$VIFGUARD" stauts 2>&1 | true; echo "code $PIPESTATUS"'), 'code 2');
  t.is(await shell('"$VIFGUARD" --help | true; echo "code $PIPESTATUS"'), 'code 0');
});
