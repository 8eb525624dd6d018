/**
 * Bundles the two programs into dist/.
 *
 * Start time is part of a guest's boot, so each program is one CommonJS file (what it imports with
 * `await import()` is still only evaluated then), accompanied by V8's code cache of it.
 *
 *     dist/NAME.cjs                  what node runs: scripts/start.cjs, the same for both
 *     dist/NAME.bundle.js            the program
 *     dist/NAME.ID.VERSION.cache     its code cache, for the node that built it
 *     dist/*.node                    the native addons, loaded from beside the bundle
 *     dist/LICENSES.txt              the licences of the packages inside
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

const programs = [
  { name: 'vif-guard', entry: 'src/hotplug/main.ts' },
  { name: 'vifguard', entry: 'src/cli/main.ts' },
];

/** Addons are required by a path relative to their package's source, which a bundle has left behind. */
const nativeAddons = {
  name: 'native-addons',
  setup({ onLoad }) {
    onLoad({ filter: /\/node_modules\/.*\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const contents = source.replace(/(["'])\.[^"']*\/(?:Release|Debug)\/([\w-]+\.node)\1/g, '"./$2"');
      if (contents === source) return undefined;
      return { contents, watchFiles: addonsOf(path).map(copyToDist) };
    });
  },
};

/** The compiled addons of the package that `file` belongs to. */
function addonsOf(file) {
  const [, packageRoot] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
  const release = join(packageRoot, 'build/Release');
  const addons = existsSync(release) ? readdirSync(release).filter((name) => name.endsWith('.node')) : [];
  if (addons.length === 0) throw new Error(`${release} holds no native addon: run "make deps"`);
  return addons.map((name) => join(release, name));
}

function copyToDist(file) {
  copyFileSync(file, join(dist, basename(file)));
  return file;
}

/** Bundles one program; returns the source files it is made of. */
async function bundle({ name, entry }) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node18.19',
    format: 'cjs',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
    plugins: [nativeAddons],
    outfile: join(dist, `${name}.bundle.js`),
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const program = outputFiles[0].text;
  const id = createHash('sha256').update(program).digest('hex').slice(0, 16);
  writeFileSync(join(dist, `${name}.bundle.js`), `// ${id}\n${program}`);
  copyFileSync(join(root, 'scripts/start.cjs'), join(dist, `${name}.cjs`));
  return Object.keys(metafile.inputs);
}

/** The licence texts of every package with a file among `inputs`. */
function licences(inputs) {
  const packages = new Set(inputs.map((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]));
  packages.delete(undefined);
  return [...packages].sort().map(licence).join('\n');
}

function licence(packageRoot) {
  const { name, version, license } = JSON.parse(
    readFileSync(join(root, packageRoot, 'package.json'), 'utf8'),
  );
  const files = readdirSync(join(root, packageRoot)).filter((file) =>
    /^(licen[cs]e|copying|notice)/i.test(file),
  );
  const texts = files.map((file) => readFileSync(join(root, packageRoot, file), 'utf8'));
  return [`==== ${name} ${version}: ${license}`, ...texts].join('\n\n');
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const inputs = (await Promise.all(programs.map(bundle))).flat();
writeFileSync(join(dist, 'LICENSES.txt'), licences([...new Set(inputs)]));
for (const { name } of programs) {
  execFileSync(process.execPath, [join(root, 'scripts/code-cache.cjs'), join(dist, `${name}.cjs`)]);
}
