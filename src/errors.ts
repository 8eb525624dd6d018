/**
 * The base of every error vifguard raises on purpose.
 *
 * `message` is one sentence for the person at the console: it quotes the bad value, names where it
 * came from (file, path, interface, xenstore key) and says what to do. Anything that is not a
 * VifguardError is a defect in vifguard.
 */
export class VifguardError extends Error {
  override readonly name: string = 'VifguardError';
}

/** Input that somebody wrote (a config, a vif spec, an argument) and that cannot be used. */
export class InputError extends VifguardError {
  override readonly name = 'InputError';
}

/** One sentence for any thrown value, causes included where they add something. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : describeError(error.cause);
  return cause === '' || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/** Reads a value, and says with what is wrong of it which key it came from. @throws InputError */
export function readKey<Value>(key: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new InputError(`${key}: ${describeError(cause)}`, { cause });
  }
}

/** Whether a system call that Node made has failed. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
