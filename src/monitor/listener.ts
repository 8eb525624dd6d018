import { readFile } from 'node:fs/promises';
import { DROP_LOG_GROUP } from '../backends/drop-log.ts';
import { VifguardError } from '../errors.ts';
import { NetlinkError } from '../netlink/error.ts';
import { type LoggedPacket, listenRequest, parseLoggedPacket } from '../netlink/packet-log.ts';
import { NETLINK_NETFILTER } from '../netlink/socket.ts';
import { Subscription } from '../netlink/subscription.ts';

export interface ListenerEvents {
  onPackets(packets: readonly LoggedPacket[]): void;
  /** There were more than the kernel keeps for us. */
  onLost(): void;
}

/** Hears what is logged to our NFLOG group. @throws VifguardError when somebody else does so already */
export async function listen(events: ListenerEvents): Promise<Subscription> {
  const request = listenRequest(DROP_LOG_GROUP);
  try {
    return new Subscription([{ protocol: NETLINK_NETFILTER, groups: [], request }], {
      onMessages: (_, messages) =>
        events.onPackets(messages.flatMap((message) => parseLoggedPacket(message) ?? [])),
      onOverrun: () => events.onLost(),
    });
  } catch (cause) {
    // The kernel says EPERM (nfulnl_recv_config in nfnetlink_log.c).
    const listener = cause instanceof NetlinkError ? await currentListener() : undefined;
    if (listener === undefined) throw cause;
    const problem = `the kernel logs drops to one listener at a time, and ${listener} is it`;
    throw new VifguardError(`${problem}; end that one first`, { cause: `NFLOG group ${DROP_LOG_GROUP}` });
  }
}

/** Who listens to the group, by its netlink port: a process's first socket has its PID for port. */
async function currentListener(): Promise<string | undefined> {
  const groups = await readFile('/proc/self/net/netfilter/nfnetlink_log', 'latin1').catch(() => '');
  const entries = groups.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const [, port] = entries.find(([group]) => group === DROP_LOG_GROUP) ?? [];
  if (port === undefined) return undefined;
  const command = await readFile(`/proc/${port}/cmdline`, 'utf8').catch(() => '');
  return command === '' ? 'another program' : `process ${port} (${command.replaceAll('\0', ' ').trim()})`;
}
