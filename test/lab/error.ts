import { VifguardError } from '../../src/errors.ts';

/** The lab could not do what a test asked of it, or an expectation of the test did not hold. */
export class LabError extends VifguardError {
  override readonly name = 'LabError';
}
