import { ConfigError, type Position } from './config-error.ts';
import { parseXlcfg } from './xlcfg-parser.ts';

/** xl's own settings (xl.conf(5)). */
export const XL_CONF = '/etc/xen/xl.conf';

/** The script of a vif whose spec names none. */
const SETTING = 'vif.default.script';

/** What it is when xl.conf does not say (libxl__device_nic_setdefault). */
const OF_XEN = 'vif-bridge';

const ASSIGNMENT = `${SETTING}="vif-guard"`;

/** Which script a vif gets by default, and where xl.conf says so; nowhere when it is Xen's own default. */
export interface DefaultScript {
  readonly script: string;
  readonly at: Position | undefined;
}

/** An added or removed line; its number, from 1, is that in the text that has it. */
export interface LineChange {
  readonly sign: '+' | '-';
  readonly line: number;
  readonly text: string;
}

/** What becomes of a text of xl.conf; no lines when all is as it should be. */
export interface XlConfChange {
  readonly text: string;
  readonly lines: readonly LineChange[];
  readonly before: DefaultScript;
  readonly after: DefaultScript;
}

/** @throws ConfigError */
export function defaultScript(file: string, text: string): DefaultScript {
  const setting = parseXlcfg(file, text).settings.get(SETTING);
  if (setting?.value.kind !== 'string') return { script: OF_XEN, at: undefined };
  return { script: setting.value.text, at: setting.at };
}

/** Whether that is ours, by name or by path. */
export function isVifGuard(script: string): boolean {
  return /(^|\/)vif-guard$/.test(script);
}

/**
 * Makes vif-guard the default by adding one line: below the assignment in force, which it overrules, else below
 * the one in a comment, else at the end. No other line changes.
 *
 * @throws ConfigError
 */
export function enableVifGuard(file: string, text: string): XlConfChange {
  const before = defaultScript(file, text);
  if (isVifGuard(before.script)) return { text, lines: [], before, after: before };
  const lines = text.split('\n');
  const end = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  const beside = before.at?.line ?? commentedLine(file, text) ?? end;
  const withLine = (place: number) =>
    [...lines.slice(0, place), ASSIGNMENT, ...lines.slice(place)].join('\n');
  // A line within a list is no place for it.
  const place = isEnabled(file, withLine(beside)) ? beside : end;
  const enabled = withLine(place);
  return {
    text: enabled,
    lines: [{ sign: '+', line: place + 1, text: ASSIGNMENT }],
    before,
    after: defaultScript(file, enabled),
  };
}

/**
 * Takes the lines out that make vif-guard the default, so that what stands above them counts again.
 *
 * @throws ConfigError, also when such a line holds something else besides.
 */
export function disableVifGuard(file: string, text: string): XlConfChange {
  const before = defaultScript(file, text);
  const lines = text.split('\n');
  const removed: LineChange[] = [];
  let after = before;
  while (isVifGuard(after.script) && after.at !== undefined) {
    const { line } = after.at;
    const [taken = ''] = lines.splice(line - 1, 1);
    if (!isAssignmentAlone(file, taken)) {
      const problem = `the line makes vif-guard the ${SETTING}, and is not that alone`;
      throw new ConfigError({ file, at: after.at, problem, advice: 'take it out by hand' });
    }
    removed.push({ sign: '-', line, text: taken });
    after = defaultScript(file, lines.join('\n'));
  }
  return { text: lines.join('\n'), lines: removed, before, after };
}

/** The line of the last comment that is an assignment, as in the file that Xen brings. */
function commentedLine(file: string, text: string): number | undefined {
  const assignment = /^\s*vif\.default\.script\s*=/;
  const { comments } = parseXlcfg(file, text);
  return comments.filter((comment) => comment.ownLine && assignment.test(comment.text)).at(-1)?.at.line;
}

function isEnabled(file: string, text: string): boolean {
  return tolerant(() => isVifGuard(defaultScript(file, text).script));
}

function isAssignmentAlone(file: string, line: string): boolean {
  return tolerant(() => {
    const { settings } = parseXlcfg(file, line);
    return settings.size === 1 && isVifGuard(defaultScript(file, line).script);
  });
}

/** The answer is no for a text that is no config. */
function tolerant(question: () => boolean): boolean {
  try {
    return question();
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
