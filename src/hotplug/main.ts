import { describeError, VifguardError } from '../errors.ts';
import { XenstoreClient } from '../xenstore/client.ts';
import { type HotplugEvent, parseEvent } from './event.ts';
import { offline } from './offline.ts';
import { online } from './online.ts';

async function handle(event: HotplugEvent): Promise<number> {
  const store = await XenstoreClient.open();
  try {
    return await (event.action === 'attach' ? online(store, event) : offline(store, event));
  } finally {
    store.close();
  }
}

async function main(): Promise<number> {
  try {
    const event = parseEvent(process.argv.slice(2), process.env);
    return event === undefined ? 0 : await handle(event);
  } catch (error) {
    const defect = error instanceof Error ? `defect: ${error.stack}` : `defect: ${String(error)}`;
    console.error(`vif-guard: ${error instanceof VifguardError ? describeError(error) : defect}`);
    return 1;
  }
}

main().then((code) => {
  process.exitCode = code;
});
