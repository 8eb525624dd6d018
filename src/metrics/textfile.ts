import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { describeError, isSystemError, VifguardError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

/** Shorter than Prometheus' default scrape interval. */
const PERIOD_MS = 15_000;

/**
 * Writes metrics to a file, for node_exporter's textfile collector, until the returned function is called; that
 * removes the file, as old numbers would be taken for new ones.
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

/** Replaces the file atomically; node_exporter does not read a file of the temporary name. */
async function replace(file: string, text: string): Promise<void> {
  const next = `${file}.new`;
  await rm(next, { force: true });
  // `wx` follows no link that somebody else may have put there.
  await writeFile(next, text, { flag: 'wx' });
  // Readable for node_exporter, whatever the umask is.
  await chmod(next, 0o644);
  await rename(next, file);
}
