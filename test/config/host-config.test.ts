import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ConfigError } from '../../src/config/config-error.ts';
import { DEFAULT_HOST_CONFIG, loadHostConfig, parseHostConfig } from '../../src/config/host-config.ts';

const INSTALLED = new URL('../../hotplug/vif-guard.conf', import.meta.url);

test('the installed file changes nothing, and what it shows as defaults are the defaults', (t) => {
  const text = readFileSync(INSTALLED, 'latin1');
  t.deepEqual(parseHostConfig('conf', text), DEFAULT_HOST_CONFIG);
  const lines = text.match(/^#[a-z][a-z0-9_]* = .*$/gm) ?? [];
  t.is(lines.length, 10);
  t.deepEqual(parseHostConfig('conf', lines.map((line) => line.slice(1)).join('\n')), DEFAULT_HOST_CONFIG);
});

test('reads every setting', (t) => {
  const text = `
backend = "xtables"
domain_configs = [ "/srv/xen", "/etc/xen/db.cfg" ]
untrusted_ports = [ "tap0" ]
metrics_listen = "127.0.0.1:9100"; metrics_textfile = "/srv/vifguard.prom"
mode = "unlocked"; dhcp = "off"; peers = 'open'; dom0 = 'icmp'; link_local = "any"`;
  t.deepEqual({ ...parseHostConfig('conf', text) } as unknown, {
    backend: 'xtables',
    domainConfigs: ['/srv/xen', '/etc/xen/db.cfg'],
    untrustedPorts: ['tap0'],
    metricsListen: { host: '127.0.0.1', port: 9100 },
    metricsTextfile: '/srv/vifguard.prom',
    defaults: { mode: 'unlocked', dhcp: false, peers: 'open', dom0: 'icmp', linkLocal: 'any' },
  });
});

const refused: [text: string, message: RegExp][] = [
  ['\n  moed = "locked"', /^conf:2:3: unknown setting "moed"; did you mean "mode"\? it is one of backend, /],
  ['mode = locked', /^conf:1:8: "locked" cannot stand here; put text in quotes: "locked"$/],
  ['mode = "lockd"', /^conf:1:8: "lockd" is none of locked, unlocked, disabled$/],
  ['mode = [ "locked" ]', /^conf:1:8: mode is a list, and should be a single value; write mode = "..."$/],
  ['dhcp = 1', /^conf:1:8: "1" is none of on, off$/],
  ['backend = "ebtables"', /^conf:1:11: "ebtables" is none of xtables, nftables$/],
  [
    'domain_configs = "/etc/xen"',
    /^conf:1:18: domain_configs should be a list of texts; write domain_configs = \[/,
  ],
  ['domain_configs = [ "/a",\n[] ]', /^conf:2:1: domain_configs should be a list of texts/],
  ['domain_configs = [ "xen" ]', /^conf:1:20: "xen" is not an absolute path/],
  ['metrics_lisen = ""', /unknown setting "metrics_lisen"; did you mean "metrics_listen"\?/],
  [
    'metrics_listen = "192.0.2.2:9100"',
    /^conf:1:18: "192\.0\.2\.2:9100" could be reached from elsewhere; .*write 127\.0\.0\.1:9100 or \[::1\]:9100$/,
  ],
  ['metrics_listen = "[::]:9100"', /^conf:1:18: "\[::\]:9100" could be reached from elsewhere/],
  ['metrics_listen = "0.0.0.0:9100"', /could be reached from elsewhere/],
  ['metrics_listen = "127.0.0.0/8:9100"', /is no place for metrics; write 127\.0\.0\.1:PORT/],
  ['metrics_listen = ":9100"', /is no place for metrics/],
  ['metrics_listen = "127.0.0.1:70000"', /is no place for metrics/],
  ['metrics_listen = "run/metrics.sock"', /is no place for metrics/],
  [`metrics_listen = "/${'x'.repeat(107)}"`, /is too long for a socket; 107 octets are the most$/],
  ['metrics_textfile = "/srv/vifguard.txt"', /is not what node_exporter reads; .* ends in "\.prom"$/],
  ['metrics_textfile = "vifguard.prom"', /is not what node_exporter reads/],
  ['untrusted_ports = [ "eth0", "eth+" ]', /^conf:1:29: "eth\+" is not a usable interface name/],
];

for (const [text, message] of refused) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => parseHostConfig('conf', text), { instanceOf: ConfigError });
    t.regex(error.message, message);
  });
}

test('VIFGUARD_CONF names the file, which then has to exist', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vifguard-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'my.conf');
  const missing = t.throws(() => loadHostConfig({ VIFGUARD_CONF: file }), { instanceOf: ConfigError });
  t.is(missing.message, `${file}: there is no such file; correct VIFGUARD_CONF, or unset it`);
  writeFileSync(file, 'peers = "open"');
  t.is(loadHostConfig({ VIFGUARD_CONF: file }).defaults.peers, 'open');
  const special = t.throws(() => loadHostConfig({ VIFGUARD_CONF: '/dev/zero' }), { instanceOf: ConfigError });
  t.is(special.message, '/dev/zero: is not a regular file');
});

test('metrics are served on loopback and on unix sockets', (t) => {
  const listenOn = (text: string) => parseHostConfig('conf', `metrics_listen = "${text}"`).metricsListen;
  t.deepEqual(listenOn('127.3.2.1:1'), { host: '127.3.2.1', port: 1 });
  t.deepEqual(listenOn('[::1]:65535'), { host: '::1', port: 65535 });
  t.deepEqual(listenOn('/run/vifguard/metrics.sock'), { path: '/run/vifguard/metrics.sock' });
  t.is(listenOn(''), undefined);
});

test('either backend can be chosen', (t) => {
  for (const backend of ['xtables', 'nftables'] as const) {
    t.is(parseHostConfig('conf', `backend = "${backend}"`).backend, backend);
  }
});
