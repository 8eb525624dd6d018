import { VifguardError } from '../../src/errors.ts';

/** The machine under test could not do what a scenario asked of it. */
export class XenTestError extends VifguardError {
  override readonly name = 'XenTestError';
}
