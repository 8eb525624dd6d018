import { once } from 'node:events';
import { chmod, lstat, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { MetricsAddress } from '../config/metrics-target.ts';
import { describeError, VifguardError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

const PATH = '/metrics';
const SOCKET_MODE = 0o660;
/** Limits against slow clients and against many. */
const TIMEOUT_MS = 5_000;
const MOST_CONNECTIONS = 16;

/** Serves metrics until the returned function is called. @throws VifguardError when it cannot listen there */
export async function serve(metrics: Metrics, address: MetricsAddress): Promise<() => Promise<void>> {
  const limits = { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS };
  const server = createServer({ ...limits, connectionsCheckingInterval: TIMEOUT_MS }, listener(metrics));
  server.maxConnections = MOST_CONNECTIONS;
  server.on('clientError', (_, socket) => socket.destroy());
  try {
    if ('path' in address) await makeWay(address.path);
    server.listen(address);
    await once(server, 'listening');
    if ('path' in address) await chmod(address.path, SOCKET_MODE);
  } catch (cause) {
    server.close();
    throw new VifguardError(`cannot serve metrics on ${addressText(address)}`, { cause });
  }
  return async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
}

function addressText(address: MetricsAddress): string {
  return 'path' in address ? address.path : `${address.host} port ${address.port}`;
}

/** Takes away the socket of a process that has ended, and nothing else. @throws VifguardError */
async function makeWay(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return;
  if (!there.isSocket()) throw new VifguardError(`${path} is no socket; move it away`);
  const socket = connect(path);
  const isTaken = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  if (isTaken) throw new VifguardError('another process listens there; choose another path');
  await rm(path, { force: true });
}

function listener(metrics: Metrics): RequestListener {
  return (request, response) => void answer(metrics, request, response);
}

async function answer(metrics: Metrics, { method, url }: IncomingMessage, response: ServerResponse) {
  const say = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
    response.writeHead(status, { 'Content-Type': type }).end(method === 'HEAD' ? undefined : text);
  if (method !== 'GET' && method !== 'HEAD') return say(405, 'GET only\n');
  if (url?.split('?', 1)[0] !== PATH) return say(404, `${PATH} is here, and nothing else\n`);
  try {
    return say(200, await metrics.text(), metrics.contentType);
  } catch (error) {
    if (!(error instanceof VifguardError)) throw error;
    return say(503, `${describeError(error)}\n`);
  }
}
