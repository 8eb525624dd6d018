/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = `([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\"n])*)"`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?,?\\})? (\\S+)$`);

/**
 * Reads the text format (prometheus.io, "Exposition formats"), by our own account of it.
 *
 * @throws Error for a line that is not of it, and for samples without the HELP and TYPE of their metric.
 */
export function parseExposition(text: string): { types: ReadonlyMap<string, string>; samples: Sample[] } {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const [, keyword, metric = '', rest = ''] = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line) ?? [];
    if (line === '') continue;
    if (keyword === 'HELP') helped.add(metric);
    else if (keyword === 'TYPE') types.set(metric, rest);
    else samples.push(parseSample(line));
  }
  for (const { name } of samples) {
    const metric = [name, name.replace(/_(bucket|sum|count)$/, '')].find((one) => types.has(one));
    if (metric === undefined || !helped.has(metric)) throw new Error(`${name} has no TYPE or no HELP`);
  }
  return { types, samples };
}

function parseSample(line: string): Sample {
  const [, name, labels = ''] = SAMPLE.exec(line) ?? [];
  const value = Number(line.slice(line.lastIndexOf(' ') + 1).replace('+Inf', 'Infinity'));
  if (name === undefined || Number.isNaN(value)) throw new Error(`no sample: ${line}`);
  const pairs = [...labels.matchAll(new RegExp(LABEL, 'g'))].map(([, key = '', text = '']) => [
    key,
    text.replace(/\\(.)/g, (_, unit) => (unit === 'n' ? '\n' : unit)),
  ]);
  return { name, labels: Object.fromEntries(pairs), value };
}
