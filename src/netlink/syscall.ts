import native from 'syscall-napi';

/** The system calls that Node has no function for. */
export type SystemCall =
  | 'bind'
  | 'flock'
  | 'getsockname'
  | 'ioctl'
  | 'ppoll'
  | 'recvfrom'
  | 'sendto'
  | 'setsockopt'
  | 'socket';

type Argument = number | Buffer;

/**
 * Calls the kernel on this thread; use it for what does not block.
 *
 * @returns the result, not negative.
 * @throws Error whose message is strerror(3)'s text: syscall-napi tells no more.
 */
export function systemCall(name: SystemCall, ...args: readonly Argument[]): number {
  return Number(native.syscall.sync(native[`__NR_${name}`], ...args.map(native64)));
}

/** The same for a call that blocks: it has a thread of the pool (UV_THREADPOOL_SIZE) to itself meanwhile. */
export async function blockingSystemCall(name: SystemCall, ...args: readonly Argument[]): Promise<number> {
  return Number(await native.syscall(native[`__NR_${name}`], ...args.map(native64)));
}

function native64(argument: Argument): bigint | Buffer {
  return typeof argument === 'number' ? BigInt(argument) : argument;
}
