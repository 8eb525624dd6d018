import { VifguardError } from '../../src/errors.ts';
import { parseEvent } from '../../src/hotplug/event.ts';
import { online } from '../../src/hotplug/online.ts';
import { ownMeans } from '../../src/port/means.ts';

const { AT, HOW } = process.env;

function checkpoint(step: string): void {
  if (step !== AT) return;
  if (HOW === 'kill') process.kill(process.pid, 'SIGKILL');
  throw new VifguardError(`interrupted before ${step}`);
}

const event = parseEvent(process.argv.slice(2), process.env);
if (event === undefined) throw new TypeError('there is nothing to interrupt');
try {
  process.exitCode = await online(event, ownMeans(), checkpoint);
} catch (error) {
  if (!(error instanceof VifguardError)) throw error;
  process.exitCode = 1;
}
