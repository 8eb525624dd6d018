import type { Explanation } from './explanation.ts';
import { plural, printable, type Terminal } from './terminal.ts';

/** Prints explanations as they come. */
export interface Report {
  frame(explanation: Explanation): void;
  end(): void;
}

/** One object per line, as a file may hold any number of frames. */
export function jsonReport(stdout: Terminal): Report {
  return { frame: (explanation) => stdout.print(JSON.stringify(explanation)), end: () => undefined };
}

/** A single frame in full; for a file a line for each frame, and at the end the first of each reason in full. */
export function textReport(stdout: Terminal, isFile: boolean): Report {
  if (!isFile) {
    return { frame: (explanation) => stdout.print(inFull(explanation, stdout)), end: () => undefined };
  }
  const firsts = new Map<string, { explanation: Explanation; count: number }>();
  let frames = 0;
  return {
    frame: (explanation) => {
      frames += 1;
      stdout.print(onOneLine(explanation, stdout));
      if (explanation.verdict === 'accept') return;
      const kind = [explanation.port, explanation.stage, explanation.reason].join(' ');
      const { explanation: first = explanation, count = 0 } = firsts.get(kind) ?? {};
      firsts.set(kind, { explanation: first, count: count + 1 });
    },
    end: () => {
      let stopped = 0;
      for (const { explanation, count } of firsts.values()) {
        stopped += count;
        const title = `${explanation.reason}: ${plural(count, 'frame')}, the first is ${explanation.number}`;
        stdout.print(`\n${stdout.paint('bold', title)}\n${inFull(explanation, stdout)}`);
      }
      const blank = stopped === 0 ? '' : '\n';
      stdout.print(`${blank}${plural(frames, 'frame')}: ${frames - stopped} accepted, ${stopped} not`);
    },
  };
}

function onOneLine({ number, frame, verdict, reason }: Explanation, terminal: Terminal): string {
  const label = `${verdict} ${reason ?? ''}`.trim().padEnd(26);
  return `${String(number).padStart(6)}  ${paintVerdict(verdict, label, terminal)}  ${printable(frame)}`;
}

function inFull(explanation: Explanation, terminal: Terminal): string {
  const { frame, length, captured, from, to, verdict, port, stage, reason, meaning } = explanation;
  const lines: (readonly [name: string, text: string | null])[] = [
    ['frame', frame],
    ['captured', captured < length ? `${captured} of ${length} octets; the rest is taken for zeros` : null],
    ['way', `${from} -> ${to}`],
    ['verdict', port === null ? verdict : `${verdict} at ${port}`],
    ['stage', stage],
    ['reason', reason && `${reason}: ${meaning}`],
    ...waysToPass(explanation).map((text) => ['to pass', text] as const),
  ];
  const shown = lines.flatMap(([name, text]) => (text === null ? [] : [{ name, text: printable(text) }]));
  return shown
    .map(({ name, text }) => [
      name.padEnd(8),
      name === 'verdict' ? paintVerdict(verdict, text, terminal) : text,
    ])
    .map((cells) => cells.join('  '))
    .join('\n');
}

function waysToPass({ verdict, changes }: Explanation): readonly string[] {
  if (verdict === 'accept') return [];
  return changes.length === 0 ? ['no setting lets it pass'] : changes.map(changeText);
}

const WARNINGS = new Map([
  ['ip=any', ' (and then every address is its own)'],
  ['mode=unlocked', ' (and then everything passes)'],
]);

function changeText({ where, write, overrules, key, value }: Explanation['changes'][number]): string {
  const instead = overrules === undefined ? '' : `, which overrules ${overrules}`;
  const warning = WARNINGS.get(`${key}=${value}`) ?? '';
  return `${where}: ${write}${instead}${warning}`;
}

function paintVerdict(verdict: Explanation['verdict'], text: string, terminal: Terminal): string {
  return terminal.paint(verdict === 'accept' ? 'green' : 'red', text);
}
