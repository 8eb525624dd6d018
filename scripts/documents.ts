/**
 * Usage: documents.ts DIRECTORY
 * Writes what is made from the command line's own description: completion for the shells.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from '../src/cli/program.ts';
import { openTerminal } from '../src/cli/terminal.ts';
import { bashCompletion, zshCompletion } from './completion.ts';

const [directory = 'build'] = process.argv.slice(2);
const terminal = openTerminal(process.stderr);
const program = buildProgram({ stdout: terminal, stderr: terminal }, () => undefined);

const files = {
  'completion/vifguard': bashCompletion(program),
  'completion/_vifguard': zshCompletion(program),
};

mkdirSync(join(directory, 'completion'), { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
