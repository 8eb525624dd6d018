import { LabError } from './error.ts';
import { poll } from './poll.ts';
import type { Machine } from './traffic.ts';

const PORT = 4244;

/** A socket that hears what is said to an address or a group. */
export interface Listener {
  /** Waits for a text. @throws LabError when it does not come. */
  heard(text: string): Promise<void>;
  /** Leaves the group and hears no more. */
  close(): void;
}

/** Joins a group on eth0, IPv4 or IPv6, and listens to it; without one, to everything, broadcasts too. */
export async function listen({ namespace }: Machine, group?: string, iface = 'eth0'): Promise<Listener> {
  const [family, membership] = group?.includes(':')
    ? ['UDP6', `,ipv6-join-group=[${group}]:${iface}`]
    : ['UDP4', group === undefined ? '' : `,ip-add-membership=${group}:${iface}`];
  const child = namespace.spawn('socat', ['-u', `${family}-RECV:${PORT}${membership}`, '-']);
  let text = '';
  let errors = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  await poll(`a socket for ${group ?? 'broadcasts'}`, async () => {
    if (child.exitCode !== null) throw new LabError(`socat ended: ${errors}`);
    return (await namespace.run('ss', ['-Hlun', `sport = :${PORT}`])) !== '';
  });
  return {
    heard: async (wanted) => {
      await poll(`"${wanted}" for ${group ?? 'all'}`, () => text.includes(wanted));
    },
    close: () => child.kill('SIGTERM'),
  };
}

/** Sends a text from eth0 to an address, a group or 255.255.255.255. */
export async function say({ namespace }: Machine, to: string, text: string, iface = 'eth0'): Promise<void> {
  const target = to.includes(':') ? `UDP6-DATAGRAM:[${to}]:${PORT}` : `UDP4-DATAGRAM:${to}:${PORT},broadcast`;
  await namespace.run('socat', ['-u', '-', `${target},so-bindtodevice=${iface}`], { input: text });
}
