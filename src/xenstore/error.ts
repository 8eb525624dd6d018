import { quote } from '../address/quote.ts';
import { VifguardError } from '../errors.ts';

/** What failed, on what, and why. */
export interface XenstoreFailure {
  /** The request in the protocol's words (`READ`, `WRITE` ...), `connect` or `connection`. */
  readonly operation: string;
  /** The xenstore path; for `connect` the socket or device, when one was named. */
  readonly path?: string;
  /** The name of an errno: what xenstored answered, or what the connection met. */
  readonly code: string;
  /** What happened and what to do, where the code does not say it. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/** A xenstore operation that failed, at xenstored or on the way to it. */
export class XenstoreError extends VifguardError {
  override readonly name = 'XenstoreError';
  readonly operation: string;
  readonly path: string | undefined;
  readonly code: string;

  constructor({ operation, path, code, detail, cause }: XenstoreFailure) {
    const what = path === undefined ? operation : `${operation} ${quote(path)}`;
    super(`xenstore: ${what}: ${detail === undefined ? code : `${detail} (${code})`}`, { cause });
    this.operation = operation;
    this.path = path;
    this.code = code;
  }
}
