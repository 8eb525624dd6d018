import { helpText, nameSection, page, paragraph, section, subsection, title } from './roff.ts';

const SETTING = /^#([a-z][a-z0-9_]*) = /;

/** vif-guard.conf(5), from the comments of the file that is installed. */
export function hostConfigManual(conf: string, version: string): string {
  const [head = [], ...settings] = conf
    .trim()
    .split(/\n{2,}/)
    .map((block) => block.split('\n'));
  const [headline = '', ...introduction] = comment(head);
  return page(
    title({ name: 'vif-guard.conf', section: 5, source: `vifguard ${version}` }),
    nameSection('vif-guard.conf', 'defaults of the guard of Xen guests'),
    section('Synopsis', paragraph(headline.replace(/:.*/, ''))),
    section('Description', ...helpText(introduction.join('\n'), (name) => paragraph(`${name}:`))),
    section('Settings', ...settings.flatMap(settingManual)),
    section('See also', paragraph('vif-guard(8), vifguard(8), xl.conf(5), xl.cfg(5)')),
  );
}

/** A block: what the setting means, and last the setting with its default. */
function settingManual(block: readonly string[]): string[] {
  const setting = block.at(-1) ?? '';
  if (!SETTING.test(setting)) throw new Error(`no setting at the end of "${block.join('\n')}"`);
  const meaning = helpText(comment(block.slice(0, -1)).join('\n'), (name) => paragraph(`${name}:`));
  return [subsection(setting.slice(1), ...meaning)];
}

function comment(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^# ?/, ''));
}
