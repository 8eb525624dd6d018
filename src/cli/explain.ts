import { quote } from '../address/quote.ts';
import { readCaptureFile } from '../capture/capture-file.ts';
import { type CapturedFrame, LARGEST_CAPTURE } from '../capture/captured-frame.ts';
import { loadHostConfig } from '../config/host-config.ts';
import { InputError } from '../errors.ts';
import { readSettledState } from '../host/host-state.ts';
import type { HostState } from '../host/inspection.ts';
import { frameFromWords } from '../model/frame-from-words.ts';
import { READINGS } from '../model/reading.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { type Ends, explainer } from './explanation.ts';
import { jsonReport, textReport } from './explanation-report.ts';
import { configuredEnd, requireOneBridge, runningEnd } from './guest-end.ts';
import type { Terminals } from './program.ts';
import { printable } from './terminal.ts';

export interface ExplainOptions {
  readonly from?: string;
  readonly to?: string;
  readonly hex?: string;
  readonly pcap?: string;
  readonly config?: string;
  readonly vif: string;
  readonly json: boolean;
}

/** `vifguard explain`: what becomes of frames, why, and what would have to change. */
export async function explain(
  words: readonly string[],
  options: ExplainOptions,
  { stdout, stderr }: Terminals,
): Promise<ExitCode> {
  const { ends, frameWords, backend } = await readEnds(words, options);
  for (const end of [ends.sender, ends.receiver]) {
    if (typeof end === 'object' && end.note !== undefined) {
      stderr.print(`${stderr.paint('yellow', 'vifguard:')} ${printable(end.note)}`);
    }
  }
  const judge = explainer(ends, READINGS[backend]);
  const report = options.json ? jsonReport(stdout) : textReport(stdout, options.pcap !== undefined);
  let number = 0;
  let allPass = true;
  try {
    for await (const captured of framesOf(frameWords, options, ends)) {
      number += 1;
      const explanation = judge(captured, number);
      allPass &&= explanation.verdict === 'accept';
      report.frame(explanation);
    }
  } finally {
    if (number > 0) report.end();
  }
  if (number === 0) throw new InputError(`${quote(options.pcap ?? '')} holds no frame`);
  return exitCodeOf(allPass);
}

async function readEnds(words: readonly string[], options: ExplainOptions) {
  const { config, from, to } = options;
  const [name, ...rest] = words;
  let settled: Promise<HostState> | undefined;
  const running = async (text: string) => {
    settled ??= readSettledState().then(({ state }) => state);
    return runningEnd(text, await settled);
  };
  if (config === undefined && name === undefined) {
    throw new InputError('which VIF? Name a port or domain, or a file with --config');
  }
  const subject =
    config === undefined ? await running(name ?? '') : configuredEnd(config, parseHandle(options.vif));
  const other = from ?? to;
  const isGuest = other !== undefined && other !== 'dom0' && other !== 'uplink';
  const end = isGuest ? await running(other) : undefined;
  if (end !== undefined) requireOneBridge(subject, end);
  const ends: Ends =
    from === undefined
      ? { sender: subject, receiver: end ?? (to === 'dom0' ? 'dom0' : 'bridge') }
      : { sender: end ?? (from === 'uplink' ? 'uplink' : 'dom0'), receiver: subject };
  const { backend } = settled === undefined ? loadHostConfig() : await settled;
  return { ends, frameWords: (config === undefined ? rest : words).join(' '), backend };
}

function parseHandle(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InputError(`--vif ${quote(text)} is not a vif's number; 0 is the first`);
}

/** The MAC of an end that is no guest. */
const NEIGHBOR_MAC = '02:00:00:00:00:01';

function framesOf(
  words: string,
  { hex, pcap }: ExplainOptions,
  { sender, receiver }: Ends,
): AsyncIterable<CapturedFrame> | readonly CapturedFrame[] {
  requireOne({ 'the words': words === '' ? undefined : words, '--hex': hex, '--pcap': pcap });
  if (pcap !== undefined) return readCaptureFile(pcap);
  const macOf = (end: Ends[keyof Ends]) => (typeof end === 'string' ? NEIGHBOR_MAC : end.policy.mac);
  const macs = { source: macOf(sender), destination: macOf(receiver) };
  const octets = hex === undefined ? frameFromWords(words, macs) : parseHex(hex);
  return [{ octets, length: octets.length }];
}

/** @param sources of frames by name, undefined for those not given. @throws InputError */
function requireOne(sources: Readonly<Record<string, string | undefined>>): void {
  const given = Object.keys(sources).filter((name) => sources[name] !== undefined);
  if (given.length === 1) return;
  throw new InputError(
    given.length === 0
      ? 'which frame? Give it in words, or with --hex, or a file of frames with --pcap'
      : `which frame, ${given.map((name) => `that of ${name}`).join(' or ')}? Give one of them`,
  );
}

/** @throws InputError */
function parseHex(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '');
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits)) {
    throw new InputError(
      `--hex ${quote(text)} is not octets in hex; write two digits for each, from the MACs on`,
    );
  }
  if (digits.length <= 2 * LARGEST_CAPTURE) return Buffer.from(digits, 'hex');
  throw new InputError(`--hex has ${digits.length / 2} octets; no frame has more than ${LARGEST_CAPTURE}`);
}
