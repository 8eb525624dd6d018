const SETTING = /^#([a-z][a-z0-9_]*) = /;

/** What the comments of vif-guard.conf say, line by line. */
export interface HostConfigComments {
  readonly headline: string;
  readonly introduction: readonly string[];
  readonly settings: readonly SettingComment[];
}

export interface SettingComment {
  readonly name: string;
  readonly meaning: readonly string[];
  /** The setting with its default. */
  readonly assignment: string;
}

/** Blocks: first what the file is, then for each setting what it means, and last itself. */
export function readHostConfigComments(conf: string): HostConfigComments {
  const [head = [], ...settings] = conf
    .trim()
    .split(/\n{2,}/)
    .map((block) => block.split('\n'));
  const [headline = '', ...introduction] = uncommented(head);
  return { headline, introduction, settings: settings.map(readSetting) };
}

function readSetting(block: readonly string[]): SettingComment {
  const setting = block.at(-1) ?? '';
  const [, name] = SETTING.exec(setting) ?? [];
  if (name === undefined) throw new Error(`no setting at the end of "${block.join('\n')}"`);
  return { name, meaning: uncommented(block.slice(0, -1)), assignment: setting.slice(1) };
}

function uncommented(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^# ?/, ''));
}
