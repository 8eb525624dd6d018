import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './error.ts';
import type { Guest } from './guest.ts';
import { exited } from './netns.ts';
import { poll } from './poll.ts';

export type DhcpClient = 'dhclient' | 'dhclient -6' | 'udhcpc';

/** A DHCP client that stays, to renew its lease. */
export interface RunningClient {
  /** Waits for an event in the client's own words, `RENEW` or `bound`; gives the address it is about. */
  event(name: string, timeout?: number): Promise<string>;
  /** udhcpc: SIGUSR1 renews the lease, SIGUSR2 gives it back. */
  kill(signal: NodeJS.Signals): void;
  /** Ends the client, which keeps its lease for the next one. */
  end(): Promise<void>;
}

/** Runs a DHCP client in the guest; gives the address that it got, or undefined when there was none. */
export async function dhcp(guest: Guest, client: DhcpClient): Promise<string | undefined> {
  const [command, ...args] = await commandLine(guest, client);
  const once = client === 'udhcpc' ? ['-q', '-n', '-t', '3', '-T', '1'] : ['-1'];
  const { exitCode, stdout, stderr } = await guest.namespace.try('timeout', ['5', command, ...once, ...args]);
  if (exitCode !== 0) return undefined;
  const pattern = client === 'udhcpc' ? /lease of (\S+) obtained/ : /bound to (\S+)|IAADDR (\S+)/;
  const match = pattern.exec(stdout + stderr);
  return match?.[1] ?? match?.[2];
}

/** Starts a DHCP client in the guest; udhcpc probes the address that it is offered (RFC 5227). */
export async function startDhcp(guest: Guest, client: DhcpClient): Promise<RunningClient> {
  const [command, ...args] = await commandLine(guest, client);
  const staying = client === 'udhcpc' ? ['-a', '-t', '3', '-T', '1'] : ['-d'];
  const child = guest.namespace.spawn(command, [...staying, ...args]);
  let output = '';
  child.stderr?.on('data', (chunk) => {
    output += String(chunk);
  });
  const events = eventsFile(guest, client);
  const event = async (name: string, timeout?: number) => {
    const found = async () => {
      if (child.exitCode !== null) throw new LabError(`${client} ended: ${output}`);
      return new RegExp(`^${name} (\\S+)$`, 'm').exec(await readFile(events, 'utf8').catch(() => ''));
    };
    return (await poll(`${name} of ${client}`, found, timeout))[1] ?? '';
  };
  const end = async () => {
    child.kill('SIGKILL');
    await exited(child);
  };
  return { event, kill: (signal) => child.kill(signal), end };
}

/** Ends dhclient and has it give its lease back. */
export async function releaseLease(guest: Guest, client: 'dhclient' | 'dhclient -6'): Promise<void> {
  const [command, ...args] = await commandLine(guest, client);
  await guest.namespace.run(command, ['-r', ...args]);
}

async function commandLine(guest: Guest, client: DhcpClient): Promise<[string, ...string[]]> {
  const events = eventsFile(guest, client);
  const text = client === 'udhcpc' ? UDHCPC_SCRIPT : DHCLIENT_SCRIPT;
  const script = await guest.lab.writeFile(`${fileName(guest, client)}.sh`, text.replace('EVENTS', events));
  await guest.namespace.run('chmod', ['+x', script]);
  if (client === 'udhcpc') return ['udhcpc', '-i', 'eth0', '-f', '-s', script];
  const files = join(guest.lab.dir, fileName(guest, client));
  const conf = await guest.lab.writeFile('dhclient.conf', DHCLIENT_CONF);
  const config = ['-sf', script, '-cf', conf, '-lf', `${files}.leases`, '-pf', `${files}.pid`];
  return ['dhclient', client === 'dhclient' ? '-4' : '-6', '-v', ...config, 'eth0'];
}

function fileName(guest: Guest, client: DhcpClient): string {
  return `${client.replace(' ', '')}-${guest.device}`;
}

function eventsFile(guest: Guest, client: DhcpClient): string {
  return join(guest.lab.dir, `${fileName(guest, client)}.events`);
}

/** In place of 10 s and more (dhclient.conf(5)). */
const DHCLIENT_CONF = 'initial-interval 1;\nbackoff-cutoff 1;\n';

// Only addresses: what else a client's own script would do (resolv.conf, hooks) concerns the whole machine.
const DHCLIENT_SCRIPT = `#!/bin/sh
case $reason in
  BOUND) ip addr replace "$new_ip_address/24" dev "$interface" ;;
  BOUND6) ip addr replace "$new_ip6_address/64" dev "$interface" ;;
esac
echo "$reason \${new_ip_address:-\${new_ip6_address:--}}" >>EVENTS
`;
const UDHCPC_SCRIPT = `#!/bin/sh
[ "$1" != bound ] || ip addr replace "$ip/24" dev "$interface"
echo "$1 \${ip:--}" >>EVENTS
`;
