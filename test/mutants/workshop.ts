import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Mutant } from './mutant.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['src', 'test', 'hotplug', 'scripts', 'package.json', 'tsconfig.json'];
const SHARED = ['node_modules', 'build'];

/** A copy of the checkout, in which one mutant after the other is made and tested. */
export class Workshop {
  private constructor(readonly directory: string) {}

  static async open(): Promise<Workshop> {
    const directory = await mkdtemp(join(tmpdir(), 'vifguard-mutants-'));
    await Promise.all([
      ...COPIED.map((name) => cp(join(ROOT, name), join(directory, name), { recursive: true })),
      ...SHARED.map((name) => symlink(join(ROOT, name), join(directory, name))),
    ]);
    return new Workshop(directory);
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /**
   * The title of a test that fails with the mutant; undefined when it survives.
   *
   * @throws Error when the mutant no longer applies, or what it makes cannot be built.
   */
  async catcher(mutant: Mutant): Promise<string | undefined> {
    const path = join(this.directory, mutant.file);
    const { source, mutated } = await this.mutate(mutant);
    await writeFile(path, mutated);
    try {
      await this.build();
      return await this.failingTest(mutant.tests, mutant);
    } finally {
      await writeFile(path, source);
    }
  }

  /** The mutant's file before and after, which is not written. @throws Error when it no longer applies. */
  async mutate({ name, file, edit }: Mutant): Promise<{ source: string; mutated: string }> {
    const source = await readFile(join(this.directory, file), 'utf8');
    try {
      return { source, mutated: edit(source) };
    } catch (cause) {
      throw new Error(`"${name}" can no longer be taken out of ${file}`, { cause });
    }
  }

  async build(): Promise<void> {
    await execa(process.execPath, ['scripts/build.js'], { cwd: this.directory });
  }

  /** The title of the first test that fails, of those in the files and with the titles. */
  async failingTest(
    files: readonly string[],
    { titles = [], backend = 'xtables' }: Pick<Mutant, 'titles' | 'backend'> = {},
  ): Promise<string | undefined> {
    const patterns = files.length === 1 ? titles : titles.map((title) => `*${title}`);
    const { exitCode, stdout, stderr } = await execa(
      join(ROOT, 'node_modules/.bin/ava'),
      [
        ...['--tap', '--fail-fast', ...patterns.map((pattern) => `--match=${pattern}`)],
        ...files.map((file) => `test/${file}.test.ts`),
      ],
      { cwd: this.directory, env: { VIFGUARD_TEST_BACKEND: backend }, reject: false },
    );
    const failed = /^not ok \d+ - (.*)$/m.exec(stdout)?.[1];
    if (exitCode === 0) return undefined;
    if (failed === undefined) throw new Error(`ava ended without a failed test:\n${stdout}${stderr}`);
    return failed;
  }
}
