import type { NetlinkReply, NetlinkRequest } from './message.ts';

/**
 * A socket that carries requests to the kernel and answers back: one request after another, in the
 * order of the calls.
 */
export interface NetlinkTransport {
  /**
   * The messages that answer one request, the closing NLMSG_ERROR or NLMSG_DONE included.
   *
   * @throws DeadlineError when the answer is not complete after `timeoutMs`.
   */
  request(request: NetlinkRequest, timeoutMs: number): Promise<NetlinkReply[]>;
  /** Closes the socket after the requests made so far. Closing twice does nothing. */
  close(): Promise<void>;
}

/** No complete answer in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}
