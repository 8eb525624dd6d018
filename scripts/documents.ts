/**
 * Usage: documents.ts DIRECTORY
 * Writes what is made from the command line's own description: completion for the shells, manuals, and a page of docs/.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildProgram } from '../src/cli/program.ts';
import { openTerminal } from '../src/cli/terminal.ts';
import { bashCompletion, zshCompletion } from './completion.ts';
import { configurationPage } from './manual/configuration-page.ts';
import { manuals } from './manual/manuals.ts';

const [directory = 'build'] = process.argv.slice(2);
const terminal = openTerminal(process.stderr);
const program = buildProgram({ stdout: terminal, stderr: terminal }, () => undefined);
const conf = readFileSync(new URL('../hotplug/vif-guard.conf', import.meta.url), 'utf8');

const files = {
  'completion/vifguard': bashCompletion(program),
  'completion/_vifguard': zshCompletion(program),
  ...manuals(program, conf),
  'docs/configuration.md': configurationPage(conf),
};

for (const [name, text] of Object.entries(files)) {
  const file = join(directory, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
