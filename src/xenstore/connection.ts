import { quote } from '../address/quote.ts';
import { describeError } from '../errors.ts';
import { XenstoreError, type XenstoreFailure } from './error.ts';
import { openTransport, type Transport } from './transport.ts';
import {
  decodeStrings,
  encodeMessage,
  encodeStrings,
  type Message,
  MessageDecoder,
  MessageType,
  type Operation,
  WireError,
} from './wire.ts';

export interface ConnectionOptions {
  /** A unix socket or a character device; by default what XENSTORED_PATH names, else the usual ones. */
  readonly path?: string;
  /** Milliseconds an answer may take. */
  readonly timeoutMs: number;
}

export interface Request {
  readonly operation: Operation;
  readonly transactionId?: number;
  /** Closed by a NUL each, and followed by `value`. */
  readonly strings: readonly string[];
  readonly value?: string;
}

interface Queued {
  readonly requestId: number;
  readonly request: Request;
  readonly message: Buffer;
  resolve(payload: Buffer): void;
  reject(error: XenstoreError): void;
}

interface Pending extends Queued {
  readonly timer: NodeJS.Timeout;
}

type Loss = Pick<XenstoreFailure, 'code' | 'detail' | 'cause'>;

/**
 * Requests and their answers over one connection, as many in flight at a time as its transport carries.
 * A late answer, or one that fits no request, means that the two sides disagree on where they are: the
 * connection is given up, and with it everything pending.
 */
export class Connection {
  /** Fulfilled when the connection is gone: with the reason, or undefined after `close`. */
  readonly closed: Promise<XenstoreError | undefined>;
  readonly timeoutMs: number;
  readonly #decoder = new MessageDecoder();
  readonly #queue: Queued[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, (path: string) => void>();
  #transport: Transport | undefined;
  #loss: Loss | undefined;
  #lastRequestId = 0;
  #watchTurn: Promise<unknown> = Promise.resolve();
  #settleClosed: (reason: XenstoreError | undefined) => void = () => {};

  private constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  /** @throws XenstoreError when xenstored cannot be reached. */
  static async open({ path, timeoutMs }: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(timeoutMs);
    connection.#transport = await openTransport(path, {
      onData: (bytes) => connection.#receive(bytes),
      onLost: (cause) =>
        connection.#lose({ code: 'ECONNRESET', detail: 'the connection to xenstored is lost', cause }),
    });
    return connection;
  }

  /**
   * Sends a request and returns the payload of its answer.
   *
   * @throws XenstoreError with xenstored's errno name; E2BIG or EINVAL for what cannot be sent;
   *   ETIMEDOUT, EPROTO or ECONNRESET when the connection is lost, ECANCELED when it was closed.
   */
  request(request: Request): Promise<Buffer> {
    this.#lastRequestId = (this.#lastRequestId % 0xffff_ffff) + 1;
    return this.#send(this.#lastRequestId, request);
  }

  /**
   * A WATCH request. Linux's xenbus device answers it with request id 0, whatever was sent; so these
   * requests go out with 0, one at a time.
   */
  watchRequest(request: Request): Promise<Buffer> {
    const turn = this.#watchTurn.then(() => this.#send(0, request));
    this.#watchTurn = turn.catch(() => {});
    return turn;
  }

  /** Has `listener` called with the path of every watch event that carries `token`. */
  listen(token: string, listener: (path: string) => void): void {
    this.#listeners.set(token, listener);
  }

  unlisten(token: string): void {
    this.#listeners.delete(token);
  }

  /** Ends the connection and rejects what is pending. xenstored forgets our watches by itself. */
  close(): void {
    this.#end({ code: 'ECANCELED', detail: 'the connection was closed' }, undefined);
  }

  #send(requestId: number, request: Request): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#loss !== undefined) throw failure(request, this.#loss);
      const message = this.#encode(requestId, request);
      this.#queue.push({ requestId, request, message, resolve, reject });
      this.#transmit();
    });
  }

  /** Sends what there is room for. */
  #transmit(): void {
    const room = (this.#transport?.maxInFlight ?? 0) - this.#pending.size;
    for (const queued of this.#queue.splice(0, room)) {
      const timer = setTimeout(() => this.#timeOut(), this.timeoutMs);
      this.#pending.set(queued.requestId, { ...queued, timer });
      this.#transport?.send(queued.message);
    }
  }

  #encode(requestId: number, request: Request): Buffer {
    const payload = encodePayload(request);
    const longest = this.#transport?.maxPayload ?? 0;
    if (payload.length > longest) {
      const detail = `${payload.length} bytes of path and value; xenstore takes ${longest}`;
      throw failure(request, { code: 'E2BIG', detail });
    }
    const type = MessageType[request.operation];
    return encodeMessage({ type, requestId, transactionId: request.transactionId ?? 0, payload });
  }

  #timeOut(): void {
    this.#lose({ code: 'ETIMEDOUT', detail: `no answer from xenstored within ${this.timeoutMs} ms` });
  }

  #receive(bytes: Uint8Array): void {
    try {
      for (const message of this.#decoder.push(bytes)) {
        if (this.#loss === undefined) this.#dispatch(message);
      }
    } catch (cause) {
      this.#lose({ code: 'EPROTO', detail: describeError(cause), cause });
    }
  }

  #dispatch(message: Message): void {
    if (message.type === MessageType.WATCH_EVENT) this.#notify(message.payload);
    else this.#settle(message);
  }

  #settle(message: Message): void {
    const { type, requestId, transactionId, payload } = message;
    const pending = this.#pending.get(requestId);
    if (pending === undefined || !answers(message, pending.request)) {
      throw new WireError(
        `unasked message of type ${type}, request ${requestId}, transaction ${transactionId}`,
      );
    }
    clearTimeout(pending.timer);
    this.#pending.delete(requestId);
    this.#transmit();
    if (type === MessageType.ERROR) pending.reject(failure(pending.request, refusal(payload)));
    else pending.resolve(payload);
  }

  #notify(payload: Buffer): void {
    const [path = '', token = ''] = decodeStrings(payload);
    const listener = this.#listeners.get(token);
    if (listener !== undefined) queueMicrotask(() => listener(path));
  }

  #lose(loss: Loss): void {
    this.#end(loss, new XenstoreError({ operation: 'connection', ...loss }));
  }

  #end(loss: Loss, reason: XenstoreError | undefined): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    this.#transport?.close();
    this.#listeners.clear();
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    for (const { request, reject } of [...this.#pending.values(), ...this.#queue])
      reject(failure(request, loss));
    this.#pending.clear();
    this.#queue.length = 0;
    this.#settleClosed(reason);
  }
}

function encodePayload(request: Request): Buffer {
  try {
    return Buffer.concat([encodeStrings(request.strings), Buffer.from(request.value ?? '')]);
  } catch (cause) {
    throw failure(request, { code: 'EINVAL', detail: describeError(cause), cause });
  }
}

function answers(message: Message, request: Request): boolean {
  const { type, transactionId } = message;
  const typeFits = type === MessageType[request.operation] || type === MessageType.ERROR;
  return typeFits && transactionId === (request.transactionId ?? 0);
}

function refusal(payload: Buffer): Loss {
  const [name = ''] = decodeStrings(payload);
  if (/^E[A-Z0-9]{1,15}$/.test(name)) return { code: name };
  return { code: 'EPROTO', detail: `xenstored answered with the error ${quote(name)}` };
}

function failure(request: Request, loss: Loss): XenstoreError {
  const [path] = request.strings;
  return new XenstoreError({
    operation: request.operation,
    ...(path === undefined ? {} : { path }),
    ...loss,
  });
}
