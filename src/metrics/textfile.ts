import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { describeError, isSystemError, VifguardError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

/** What Prometheus asks by default is rarer. */
const PERIOD_MS = 15_000;

/**
 * Writes metrics to a file, for node_exporter's textfile collector, until the function that it gives is called;
 * then the file goes, as old numbers would be taken for new ones.
 *
 * @param log says once that it cannot be written.
 */
export function keepTextfile(
  metrics: Metrics,
  file: string,
  log: (line: string) => void,
): () => Promise<void> {
  let isWell = true;
  let work: Promise<void> = Promise.resolve();
  const write = async () => {
    try {
      await replace(file, await metrics.text());
      isWell = true;
    } catch (error) {
      if (isWell) log(`cannot write metrics to ${file}: ${describeError(error)}`);
      isWell = false;
      if (!(error instanceof VifguardError) && !isSystemError(error)) throw error;
    }
  };
  const queue = () => {
    work = work.then(write);
  };
  queue();
  const timer = setInterval(queue, PERIOD_MS);
  return async () => {
    clearInterval(timer);
    await work;
    await rm(file, { force: true }).catch(() => undefined);
  };
}

/** At once or not at all; the new one has a name that node_exporter does not read. */
async function replace(file: string, text: string): Promise<void> {
  const next = `${file}.new`;
  await rm(next, { force: true });
  // Whoever else may write there puts no link in its place.
  await writeFile(next, text, { flag: 'wx' });
  // For node_exporter, whatever the umask is.
  await chmod(next, 0o644);
  await rename(next, file);
}
