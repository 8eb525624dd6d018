import { describeError, VifguardError } from '../errors.ts';
import { parseEvent } from './event.ts';
import { offline } from './offline.ts';
import { online } from './online.ts';

async function main(): Promise<number> {
  try {
    const event = parseEvent(process.argv.slice(2), process.env);
    if (event === undefined) return 0;
    return await (event.action === 'attach' ? online(event) : offline(event));
  } catch (error) {
    const defect = error instanceof Error ? `defect: ${error.stack}` : `defect: ${String(error)}`;
    console.error(`vif-guard: ${error instanceof VifguardError ? describeError(error) : defect}`);
    return 1;
  }
}

main().then((code) => {
  process.exitCode = code;
});
