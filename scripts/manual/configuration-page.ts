import { readHostConfigComments, type SettingComment } from './host-config-comments.ts';

const INTRODUCTION = `# Configuration

<!-- Made by "make docs" from hotplug/vif-guard.conf, as vif-guard.conf(5) is. -->

What a guest may do comes from three places. Lists add up. Any other value is taken from the first place that sets it:

1. the vif's own spec in the domain's config: \`mac=\`, \`ip=\`, \`bridge=\`, \`vlan=\`, \`vifname=\`, \`mtu=\`;
2. the entry of \`vifguard = [ ... ]\` at the vif's position in the same file, which xl ignores;
3. \`/etc/xen/vif-guard.conf\`, for what neither of them says.

So addresses and MACs of spec and entry count together. Two different \`vlan=\` are an error. A vif without any address gets
no IP at all.

Check before a guest starts, and apply to those that run:

\`\`\`sh
vifguard lint /etc/xen/*.cfg /etc/xen/vif-guard.conf
vifguard reload
\`\`\``;

/** docs/configuration.md, from the comments of the host config that is installed. */
export function configurationPage(conf: string): string {
  const { headline, introduction, settings } = readHostConfigComments(conf);
  const file = `## The file\n\n${fenced([headline, ...introduction])}`;
  return `${[INTRODUCTION, file, '## Settings', ...settings.map(settingSection)].join('\n\n')}\n`;
}

function settingSection({ name, meaning, assignment }: SettingComment): string {
  const isTable = meaning.some((line) => line.startsWith('"'));
  const text = isTable ? fenced(meaning) : meaning.join('\n');
  return `### ${name}\n\n${text}\n\n${fenced([assignment])}`;
}

function fenced(lines: readonly string[]): string {
  return ['```text', ...lines, '```'].join('\n');
}
