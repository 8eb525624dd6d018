import { ConfigError } from '../config/config-error.ts';
import { readConfigText, replaceConfigText } from '../config/config-file.ts';
import {
  type DefaultScript,
  disableVifGuard,
  enableVifGuard,
  XL_CONF,
  type XlConfChange,
} from '../config/xl-conf.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { printable, type Terminal } from './terminal.ts';

interface WriteOption {
  /** Make the change, rather than print it. */
  readonly write: boolean;
}

/** `vifguard enable [--write]`: vif-guard for every vif whose spec names no script. */
export function enable({ write }: WriteOption, stdout: Terminal): ExitCode {
  const { lines, before, after } = change(enableVifGuard, write, stdout);
  if (lines.length === 0) stdout.print(`nothing to do: vif.default.script is ${describe(after)}`);
  else if (!write) {
    stdout.print(`vif.default.script is ${describe(before)}; "vifguard enable --write" makes the change`);
  } else {
    stdout.print(`written; vif.default.script was ${describe(before)}`);
    stdout.print('guests that run keep their script until "xl create"');
  }
  return exitCodeOf(true);
}

/** `vifguard disable [--write]`: the default that was there before. */
export function disable({ write }: WriteOption, stdout: Terminal): ExitCode {
  const { lines, after } = change(disableVifGuard, write, stdout);
  if (lines.length === 0) stdout.print(`nothing to do: vif.default.script is ${describe(after)}`);
  else if (!write) {
    stdout.print(
      `vif.default.script becomes ${describe(after)}; "vifguard disable --write" makes the change`,
    );
  } else {
    stdout.print(`written; vif.default.script is ${describe(after)}`);
    stdout.print('guests that run keep their script until "xl create"; then they are unguarded');
  }
  return exitCodeOf(true);
}

/** Prints added and removed lines, as `FILE:LINE: + TEXT`; writes the change with --write. */
function change(
  edit: (file: string, text: string) => XlConfChange,
  write: boolean,
  stdout: Terminal,
): XlConfChange {
  const text = readConfigText(XL_CONF);
  if (text === undefined) {
    const advice = 'run this in dom0, with xen-utils-common installed';
    throw new ConfigError({ file: XL_CONF, problem: 'there is no such file', advice });
  }
  const result = edit(XL_CONF, text);
  if (write && result.lines.length > 0) replaceConfigText(XL_CONF, result.text);
  for (const { sign, line, text } of result.lines) {
    const label = stdout.paint(sign === '+' ? 'green' : 'red', sign);
    stdout.print(`${XL_CONF}:${line}: ${label} ${printable(text)}`);
  }
  return result;
}

/** `"vif-bridge", Xen's own default` or `"vif-bridge" in line 12`. */
function describe({ script, at }: DefaultScript): string {
  const place = at === undefined ? ", Xen's own default" : ` in line ${at.line}`;
  return `"${printable(script)}"${place}`;
}
