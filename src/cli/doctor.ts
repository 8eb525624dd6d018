import { type Diagnosis, diagnose } from '../host/doctor.ts';
import { readHostFacts } from '../host/doctor-facts.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { printable, type Style, type Terminal } from './terminal.ts';

const COLOURS: Readonly<Record<Diagnosis['severity'], Style>> = { ok: 'green', warn: 'yellow', fail: 'red' };

/** `vifguard doctor`: one line for each thing looked at, with the remedy below it where there is one. */
export async function doctor({ json }: { json: boolean }, stdout: Terminal): Promise<ExitCode> {
  const diagnoses = diagnose(await readHostFacts());
  if (json) stdout.print(JSON.stringify(diagnoses, undefined, 2));
  else for (const diagnosis of diagnoses) stdout.print(formatDiagnosis(diagnosis, stdout));
  return exitCodeOf(!diagnoses.some(({ severity }) => severity === 'fail'));
}

/** `fail  xenstored: no way to xenstored` and, below, what to do. */
function formatDiagnosis({ subject, severity, message, remedy }: Diagnosis, terminal: Terminal): string {
  const label = terminal.paint(COLOURS[severity], severity.padEnd(4));
  const line = `${label}  ${printable(`${subject}: ${message}`)}`;
  return remedy === undefined ? line : `${line}\n      -> ${printable(remedy)}`;
}
