import { join } from 'node:path';
import { LabError } from './error.ts';
import type { Guest } from './guest.ts';
import type { Lab } from './lab.ts';
import type { Namespace } from './netns.ts';
import { poll } from './poll.ts';

// Lawful traffic, made by the tools that guests use.

/** A machine of the lab and the addresses under which it is reached. */
export interface Machine {
  readonly namespace: Namespace;
}

export interface PingOptions {
  readonly count?: number;
  /** Octets of data; 4000 makes fragments. */
  readonly size?: number;
  /** The interface, for a link-local address, or the source address. */
  readonly via?: string;
  /** The hop limit; 64 by default. */
  readonly ttl?: number;
  /** No router may fragment the request, nor its own host. */
  readonly dontFragment?: boolean;
}

/** Whether every echo request to the address (IPv4 or IPv6) is answered, each within a second. */
export async function ping(from: Machine, address: string, options: PingOptions = {}): Promise<boolean> {
  return (await pingOutput(from, address, options)).includes(` ${options.count ?? 2} received`);
}

/** The ICMP errors that come back to a ping, in its words: `From 192.0.2.1: Time to live exceeded`. */
export async function pingErrors(from: Machine, address: string, options?: PingOptions): Promise<string[]> {
  const errors = /^From (\S+) icmp_seq=\d+ (.+)$/gm;
  const output = await pingOutput(from, address, options);
  return [...output.matchAll(errors)].map(([, router, error]) => `From ${router}: ${error}`);
}

async function pingOutput(from: Machine, address: string, options: PingOptions = {}): Promise<string> {
  const { count = 2, size = 56, via, ttl, dontFragment = false } = options;
  const args = ['-n', '-c', `${count}`, '-i', '0.05', '-W', '1', '-s', `${size}`];
  const optional = [
    ...(via === undefined ? [] : ['-I', via]),
    ...(ttl === undefined ? [] : ['-t', `${ttl}`]),
    ...(dontFragment ? ['-M', 'do'] : []),
  ];
  return (await from.namespace.try('ping', [...args, ...optional, address])).stdout;
}

/** Whether a TCP connection carries data both ways. `address` is one of the server's. */
export async function tcp(from: Machine, to: Machine, address: string, port = 4242): Promise<boolean> {
  const [request, answer] = [`request ${'q'.repeat(20_000)}`, `answer ${'a'.repeat(20_000)}`];
  const server = to.namespace.try('nc', ['-n', '-N', '-l', address, `${port}`], {
    input: answer,
    timeout: 5000,
  });
  await poll(`a listener on ${address}:${port}`, async () => {
    return (await to.namespace.run('ss', ['-Hltn', `sport = :${port}`])) !== '';
  });
  const client = await from.namespace.try('nc', ['-n', '-N', '-w', '2', address, `${port}`], {
    input: request,
  });
  return client.stdout === answer && (await server).stdout === request;
}

export interface UdpOptions {
  /** Octets of data; 1000 by default. */
  readonly size?: number;
  readonly sourcePort?: number;
}

/** Whether a datagram comes back from the address, which is one of the server's. */
export async function udp(
  from: Machine,
  to: Machine,
  address: string,
  { size = 1000, sourcePort }: UdpOptions = {},
): Promise<boolean> {
  const [family, host] = address.includes(':') ? ['UDP6', `[${address}]`] : ['UDP4', address];
  const server = to.namespace.spawn('socat', ['-b65536', `${family}-RECVFROM:4243,bind=${host}`, 'PIPE']);
  await poll(`a UDP socket on ${address}`, async () => {
    return (await to.namespace.run('ss', ['-Hlun', 'sport = :4243'])) !== '';
  });
  // The DHCP client's port, again and again: what a filter would see that took it for a header.
  const input = '\0D'.repeat(size / 2);
  const source = sourcePort === undefined ? '' : `,sourceport=${sourcePort}`;
  const args = ['-b65536', '-t', '2', '-', `${family}:${host}:4243,readbytes=${input.length}${source}`];
  const { stdout } = await from.namespace.try('socat', args, { input });
  server.kill('SIGKILL');
  return stdout === input;
}

export interface DhcpServerOptions {
  /** Seconds between two unsolicited router advertisements. */
  readonly raInterval?: number;
  /** DHCP options to give out, in dnsmasq's words: `option:T1,2`. */
  readonly options?: readonly string[];
  /** Whether hosts make addresses themselves in the prefix that it advertises. */
  readonly slaac?: boolean;
  /** Who serves; the gateway by default. */
  readonly server?: Machine;
}

export interface DhcpServer {
  /** What it has said so far: a line for each message. */
  log(): string;
}

/**
 * Starts dnsmasq: DHCPv4, DHCPv6 and router advertisements, with the guests' own addresses as fixed
 * leases.
 */
export async function serveDhcp(lab: Lab, options: DhcpServerOptions = {}): Promise<DhcpServer> {
  const hosts = lab.guests.map(({ mac, addresses: { ip, ip6 } }) =>
    [
      '--dhcp-host=',
      mac,
      ...(ip === undefined ? [] : [`,${ip}`]),
      ...(ip6 === undefined ? [] : [`,[${ip6}]`]),
    ].join(''),
  );
  // It stays root: a process that changes its user is no longer killed when its parent dies.
  const { namespace } = options.server ?? lab.gateway;
  const server = namespace.spawn('dnsmasq', [
    ...[
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--user=root',
      '--group=root',
      '--port=0',
      '--log-facility=-',
    ],
    ...['--pid-file=', `--dhcp-leasefile=${join(lab.dir, 'dnsmasq.leases')}`, '--interface=eth0'],
    ...[
      '--no-ping',
      '--dhcp-authoritative',
      '--enable-ra',
      `--ra-param=eth0,${options.raInterval ?? 600},1800`,
    ],
    ...[
      '--dhcp-range=192.0.2.0,static,1h',
      `--dhcp-range=2001:db8:0:ffff::,${options.slaac ? 'ra-only' : 'static'},64,1h`,
    ],
    ...(options.options ?? []).map((option) => `--dhcp-option-force=${option}`),
    ...hosts,
  ]);
  let log = '';
  server.stderr?.on('data', (chunk) => {
    log += String(chunk);
  });
  await poll('the start of dnsmasq', () => {
    if (server.exitCode !== null) throw new LabError(`dnsmasq ended: ${log}`);
    return log.includes('router advertisement on 2001:db8:0:ffff::');
  });
  return { log: () => log };
}

/** Whether a router solicitation is answered (rdisc6). */
export async function discoverRouter(guest: Guest): Promise<boolean> {
  const { exitCode } = await guest.namespace.try('rdisc6', ['-1', '-r', '2', '-w', '1000', 'eth0']);
  return exitCode === 0;
}
