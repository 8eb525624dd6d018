import { constants } from 'node:os';
import { VifguardError } from '../errors.ts';

/** Bytes that are no netlink message, or not the one that was asked for. */
export class MalformedMessageError extends VifguardError {
  override readonly name = 'MalformedMessageError';
  constructor(fault: string) {
    super(`malformed netlink message: ${fault}`);
  }
}

export interface NetlinkFailure {
  /** What was tried, to follow "cannot": `change link`. */
  readonly operation: string;
  /** The interface it was tried on, by name where that is known. */
  readonly interface?: string | undefined;
  /** The name of the error number, `ENODEV`. */
  readonly errno: string;
  /** The kernel's extended-ACK text. */
  readonly kernelMessage?: string | undefined;
}

/** A netlink request that the kernel refused, or did not answer. */
export class NetlinkError extends VifguardError {
  override readonly name = 'NetlinkError';
  readonly operation: string;
  readonly interface: string | undefined;
  readonly errno: string;
  readonly kernelMessage: string | undefined;

  constructor(failure: NetlinkFailure, options?: ErrorOptions) {
    super(sentence(failure), options);
    this.operation = failure.operation;
    this.interface = failure.interface;
    this.errno = failure.errno;
    this.kernelMessage = failure.kernelMessage;
  }
}

function sentence(failure: NetlinkFailure): string {
  const object = failure.interface === undefined ? '' : ` ${failure.interface}`;
  const kernel = failure.kernelMessage === undefined ? '' : ` ("${failure.kernelMessage}")`;
  const advice = ADVICE[failure.errno];
  return `cannot ${failure.operation}${object}: ${failure.errno}${kernel}${advice === undefined ? '' : `; ${advice}`}`;
}

const ADVICE: Readonly<Record<string, string>> = {
  EBUSY: 'the interface is in use; take it down or out of its bridge first',
  EEXIST: 'it exists already; choose another name or remove the old one',
  ENODEV: 'the interface is gone',
  EOPNOTSUPP: 'this kernel or interface cannot do it',
  EPERM: 'run as root (CAP_NET_ADMIN)',
  EXFULL: 'its bridge has 1023 ports, as many as a bridge can have; give the guest another',
  ETIMEDOUT: 'the kernel did not answer in time; is the host overloaded?',
};

const ERRNO_NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  // Two names share a number; these are the ones the kernel uses.
  [constants.errno.EAGAIN, 'EAGAIN'],
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  // Node does not know it (asm-generic/errno.h); a full bridge's (br_if.c).
  [54, 'EXFULL'],
]);

/** The name of a positive error number: `ENODEV` for 19, `errno 524` for one without a name. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}
