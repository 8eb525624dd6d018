import native from 'syscall-napi';

/** The system calls that Node has no function for. */
export type SystemCall = 'flock' | 'getsockname' | 'ioctl' | 'recvfrom' | 'sendto' | 'setsockopt' | 'socket';

/**
 * Calls the kernel on this thread; use it for what does not block.
 *
 * @returns the result, not negative.
 * @throws Error whose message is strerror(3)'s text: syscall-napi tells no more.
 */
export function systemCall(name: SystemCall, ...args: readonly (number | Buffer)[]): number {
  const values = args.map((value) => (typeof value === 'number' ? BigInt(value) : value));
  return Number(native.syscall.sync(native[`__NR_${name}`], ...values));
}
