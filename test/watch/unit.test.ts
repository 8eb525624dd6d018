import { readFile } from 'node:fs/promises';
import test from 'ava';

test('systemd starts it again, however often it has ended', async (t) => {
  const unit = await readFile(new URL('../../hotplug/vifguard.service', import.meta.url), 'utf8');
  const [, ofUnit = '', ofService = ''] = unit.split(/^\[(?:Unit|Service|Install)\]$/m);
  t.regex(ofUnit, /^StartLimitIntervalSec=0$/m);
  t.regex(ofService, /^Restart=always$/m);
});
