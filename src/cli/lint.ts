import { basename } from 'node:path';
import { ConfigError } from '../config/config-error.ts';
import { readConfigText } from '../config/config-file.ts';
import {
  DEFAULT_HOST_CONFIG,
  HOST_CONFIG_PATH,
  hostConfigFile,
  loadHostConfig,
} from '../config/host-config.ts';
import { type LintFinding, lintDomainConfig, lintFindingOf, lintHostConfig } from '../config/lint.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { plural, printable, type Terminal } from './terminal.ts';

/**
 * `vifguard lint FILE...`: prints `FILE:LINE:COLUMN: severity: message; advice` for each finding. A
 * file is a host config when it is called vif-guard.conf or VIFGUARD_CONF names it, else a domain's.
 */
export function lint(files: readonly string[], stdout: Terminal): ExitCode {
  const findings = files.flatMap(lintFile);
  for (const finding of findings) stdout.print(formatLintFinding(finding, stdout));
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const counts = [
    plural(files.length, 'file'),
    plural(errors, 'error'),
    plural(findings.length - errors, 'warning'),
  ];
  stdout.print(counts.join(', '));
  return exitCodeOf(errors === 0);
}

function lintFile(file: string): LintFinding[] {
  try {
    const text = readConfigText(file);
    if (text === undefined) throw new ConfigError({ file, problem: 'there is no such file' });
    if (isHostConfig(file)) return lintHostConfig(file, text);
    return lintDomainConfig({ file, text, defaults: hostDefaults() });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [lintFindingOf(error)];
  }
}

function isHostConfig(file: string): boolean {
  return basename(file) === basename(HOST_CONFIG_PATH) || file === hostConfigFile();
}

/** The defaults, even when the host config is bad: it is not the file being checked. */
function hostDefaults() {
  try {
    return loadHostConfig().defaults;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return DEFAULT_HOST_CONFIG.defaults;
  }
}

function formatLintFinding(
  { file, line, column, severity, message, advice }: LintFinding,
  terminal: Terminal,
): string {
  const label = terminal.paint(severity === 'error' ? 'red' : 'yellow', severity);
  const sentence = advice === undefined ? message : `${message}; ${advice}`;
  return `${printable(file)}:${line}:${column}: ${label}: ${printable(sentence)}`;
}
