import type { HostConfig } from '../config/host-config.ts';
import { describeError, VifguardError } from '../errors.ts';
import type { HostNumbers, Metrics } from './metrics.ts';

/** Metrics that are being served or written. */
export interface Exported {
  readonly metrics: Metrics;
  close(): Promise<void>;
}

export interface ExportOptions {
  readonly config: HostConfig;
  /** Reads the host when a client asks. */
  readonly read: () => Promise<HostNumbers>;
  /** Prints a line. */
  readonly log: (line: string) => void;
}

/**
 * Serves and writes metrics as the host config says; undefined, with nothing loaded, when it wants none. A failure
 * is only logged: guarding goes on without metrics.
 */
export async function exportMetrics({ config, read, log }: ExportOptions): Promise<Exported | undefined> {
  const { metricsListen, metricsTextfile } = config;
  if (metricsListen === undefined && metricsTextfile === undefined) return undefined;
  const { Metrics } = await import('./metrics.ts');
  const metrics = new Metrics(read);
  const ends: (() => Promise<void>)[] = [];
  if (metricsListen !== undefined) {
    const { serve } = await import('./server.ts');
    try {
      ends.push(await serve(metrics, metricsListen));
    } catch (error) {
      if (!(error instanceof VifguardError)) throw error;
      log(describeError(error));
    }
  }
  if (metricsTextfile !== undefined) {
    const { keepTextfile } = await import('./textfile.ts');
    ends.push(keepTextfile(metrics, metricsTextfile, log));
  }
  return { metrics, close: async () => void (await Promise.all(ends.map((end) => end()))) };
}
