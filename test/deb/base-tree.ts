import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const TREES = fileURLToPath(new URL('../../build/trees', import.meta.url));
const APT_SOURCES = '/etc/apt/sources.list.d/debian.sources';

/** A Debian release by its code name; 12 and 13. */
export type Release = 'bookworm' | 'trixie';

/**
 * A bare Debian with these packages, and no other that is only recommended: a directory that stays, so
 * use it as the lower layer of another. From this machine's apt sources.
 */
export async function baseTree(release: Release, packages: readonly string[]): Promise<string> {
  const id = createHash('sha256').update(packages.join()).digest('hex').slice(0, 8);
  const tree = join(TREES, `${release}-${id}`);
  if (existsSync(tree)) return tree;
  await mkdir(TREES, { recursive: true });
  await rm(`${tree}.new`, { recursive: true, force: true });
  const include = `--include=${packages.join()}`;
  const sources = (await readFile(APT_SOURCES, 'utf8')).replaceAll('bookworm', release);
  await execa('mmdebstrap', ['--quiet', '--variant=minbase', include, release, `${tree}.new`, '-'], {
    input: sources,
  });
  await rename(`${tree}.new`, tree);
  return tree;
}
