import test from 'ava';
import { findPort } from '../../src/cli/find-port.ts';
import type { PortReport } from '../../src/host/inspection.ts';

function report(port: string, domain: string | null, domid: number | null, handle: number): PortReport {
  const kind = port.endsWith('-emu') ? 'tap' : 'vif';
  const unknown = { mac: null, addresses: null, mode: null, vlan: null, differences: [], drops: {} };
  return { ...unknown, port, bridge: 'xenbr0', kind, domain, domid, handle, state: 'guarded' };
}

const PORTS = [
  report('vif1.0', 'web', 1, 0),
  report('vif2.0', 'db', 2, 0),
  report('front', 'db', 2, 1),
  report('vif3.0', 'hvm', 3, 0),
  report('vif3.0-emu', 'hvm', 3, 0),
  report('vif4.0', '1', 4, 0),
  report('vif5.0', 'team/0', 5, 0),
  report('renamed', null, null, 0),
];

const found: [text: string, port: string][] = [
  ['vif1.0', 'vif1.0'],
  ['front', 'front'],
  ['vif3.0-emu', 'vif3.0-emu'],
  ['web', 'vif1.0'],
  ['web/0', 'vif1.0'],
  ['db/1', 'front'],
  ['2/1', 'front'],
  ['3', 'vif3.0'],
  ['hvm', 'vif3.0'],
  // A name before a domid.
  ['1', 'vif4.0'],
  ['team/0', 'vif5.0'],
  ['team/0/0', 'vif5.0'],
];

for (const [text, port] of found) {
  test(`${text} is ${port}`, (t) => {
    t.is(findPort(text, PORTS).port, port);
  });
}

const refused: [text: string, message: string][] = [
  ['db', '"db" has 2 ports: name one of vif2.0, front'],
  ['db/7', 'no guest\'s port is called "db/7"; "vifguard status" lists them'],
  ['wev', 'no guest\'s port is called "wev"; did you mean "web"? "vifguard status" lists them'],
  ['nobody-at-all', 'no guest\'s port is called "nobody-at-all"; "vifguard status" lists them'],
  ['null', 'no guest\'s port is called "null"; "vifguard status" lists them'],
  ['\x1b[2J', 'no guest\'s port is called "\\x1b[2J"; "vifguard status" lists them'],
];

for (const [text, message] of refused) {
  test(`${JSON.stringify(text)} is refused`, (t) => {
    t.throws(() => findPort(text, PORTS), { message });
  });
}
