import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { quote } from '../address/quote.ts';
import { InputError, VifguardError } from '../errors.ts';
import type { EventResult } from '../hotplug/handle.ts';

/** What xl passes to its script. */
export interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What becomes of a call: a result, or the caller has to do it. */
export type Handler = (call: Call) => Promise<EventResult | 'not done'>;

/** How often the caller hears that we are at work, in milliseconds; it waits for ten of them. */
const PULSE_MS = 500;

/** Far above what xl passes. */
const LONGEST_CALL = 1 << 16;

/** Takes xl's events from hotplug/hand-over.c, which has the protocol, over a unix socket that is root's alone. */
export class Agent {
  readonly #server: Server;
  readonly #handle: Handler;
  readonly #pending = new Set<Promise<void>>();

  private constructor(handle: Handler) {
    this.#handle = handle;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const work = this.#serve(socket).finally(() => this.#pending.delete(work));
      this.#pending.add(work);
    });
  }

  /** @param path in a directory of root's; whoever listened there has ended. */
  static async listen(path: string, handle: Handler): Promise<Agent> {
    const agent = new Agent(handle);
    await rm(path, { force: true });
    agent.#server.listen(path);
    await once(agent.#server, 'listening');
    await chmod(path, 0o600);
    return agent;
  }

  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Takes no further events, and ends when those it has taken are done. */
  async close(): Promise<void> {
    this.#server.close();
    await Promise.all(this.#pending);
  }

  async #serve(socket: Socket): Promise<void> {
    // A caller that is gone, as after xl's time limit, needs no answer; its event is brought to its end.
    socket.on('error', () => undefined);
    socket.write('.');
    const pulse = setInterval(() => socket.write('.'), PULSE_MS);
    try {
      const answer = await this.#handle(parseCall(await readAll(socket)));
      if (answer === 'not done') socket.end('-');
      else socket.end(`=${answer.exitCode}${answer.message === undefined ? '' : `${answer.message}\n`}`);
    } catch (error) {
      if (!(error instanceof VifguardError)) throw error;
      socket.end('-');
    } finally {
      clearInterval(pulse);
    }
  }
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.on('data', (chunk) => {
    length += chunk.length;
    if (length <= LONGEST_CALL) chunks.push(chunk);
  });
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  return Buffer.concat(chunks);
}

/** @throws InputError for anything but a whole call. */
export function parseCall(bytes: Buffer): Call {
  const text = bytes.toString();
  const fields = text.split('\0');
  const end = fields.indexOf('');
  if (!text.endsWith('\0') || end === fields.length - 1) throw new InputError('a call without an end');
  const variables = fields.slice(end + 1, -1).map((field): [string, string] => {
    const [, name, value] = /^([A-Za-z_]+)=(.*)$/s.exec(field) ?? [];
    if (name === undefined || value === undefined) throw new InputError(`${quote(field)} is no NAME=VALUE`);
    return [name, value];
  });
  return { argv: fields.slice(0, end), env: Object.fromEntries(variables) };
}
