import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const DIRECTORY = fileURLToPath(new URL('../../build/deb', import.meta.url));

/** The package that `make deb` has built. */
export async function builtPackage(): Promise<string> {
  const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.deb'));
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new Error(`build/deb holds ${names.length} packages, not one: run "rm -r build/deb; make deb"`);
  }
  return join(DIRECTORY, name);
}

/** A field of the control file (deb-control(5)). */
export async function controlField(deb: string, field: string): Promise<string> {
  return (await execa('dpkg-deb', ['--field', deb, field])).stdout;
}

/** The names in its Depends that are not those of libraries: `nodejs (>= 18.19)` is nodejs. */
export async function dependencies(deb: string): Promise<string[]> {
  const depends = await controlField(deb, 'Depends');
  return depends.split(', ').map((dependency) => dependency.replace(/ .*/, ''));
}

/** The package as version 0.0.1, whose rules were others: it has another name for a reason to drop. */
export async function olderPackage(deb: string, directory: string): Promise<string> {
  const tree = join(directory, 'older');
  await execa('dpkg-deb', ['--raw-extract', deb, tree]);
  await edit(join(tree, 'DEBIAN/control'), (text) => text.replace(/^Version: .*$/m, 'Version: 0.0.1'));
  for (const program of ['vif-guard', 'vifguard']) {
    await edit(join(tree, `usr/lib/vifguard/dist/${program}.bundle.js`), (text) =>
      text.replace(/^.*/, '// 0001').replaceAll('ipv4-spoof', 'ipv4-fraud'),
    );
  }
  const older = join(directory, 'vifguard_0.0.1.deb');
  await execa('dpkg-deb', ['--root-owner-group', '--build', tree, older]);
  return older;
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')));
}
