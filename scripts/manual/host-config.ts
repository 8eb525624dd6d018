import { readHostConfigComments, type SettingComment } from './host-config-comments.ts';
import { helpText, nameSection, page, paragraph, section, subsection, title } from './roff.ts';

/** vif-guard.conf(5), from the comments of the file that is installed. */
export function hostConfigManual(conf: string, version: string): string {
  const { headline, introduction, settings } = readHostConfigComments(conf);
  return page(
    title({ name: 'vif-guard.conf', section: 5, source: `vifguard ${version}` }),
    nameSection('vif-guard.conf', 'defaults of the guard of Xen guests'),
    section('Synopsis', paragraph(headline.replace(/:.*/, ''))),
    section('Description', ...helpText(introduction.join('\n'), (name) => paragraph(`${name}:`))),
    section('Settings', ...settings.flatMap(settingManual)),
    section('See also', paragraph('vif-guard(8), vifguard(8), xl.conf(5), xl.cfg(5)')),
  );
}

function settingManual({ assignment, meaning }: SettingComment): string[] {
  return [subsection(assignment, ...helpText(meaning.join('\n'), (name) => paragraph(`${name}:`)))];
}
