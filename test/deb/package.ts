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

/** The same package as version 0.0.1, in a directory. */
export async function olderPackage(deb: string, directory: string): Promise<string> {
  const tree = join(directory, 'older');
  await execa('dpkg-deb', ['--raw-extract', deb, tree]);
  const control = join(tree, 'DEBIAN/control');
  await writeFile(control, (await readFile(control, 'utf8')).replace(/^Version: .*$/m, 'Version: 0.0.1'));
  const older = join(directory, 'vifguard_0.0.1.deb');
  await execa('dpkg-deb', ['--root-owner-group', '--build', tree, older]);
  return older;
}
