import { type CapturedFrame, LARGEST_CAPTURE } from '../capture/captured-frame.ts';
import { type Edit, editOf } from '../config/policy-place.ts';
import { DISCARDS } from '../model/bridge-netfilter.ts';
import { type Frame, parseFrame } from '../model/frame.ts';
import { frameInWords } from '../model/frame-in-words.ts';
import type { Reading } from '../model/reading.ts';
import { type Change, remedyOf } from '../model/remedy.ts';
import { judgeOfWay, type Side, type Way, type WayJudgement } from '../model/way.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { REASONS } from '../rules/reason.ts';
import type { GuestEnd } from './guest-end.ts';

/** Where frames come from and go to. */
export interface Ends {
  readonly sender: GuestEnd | 'uplink' | 'dom0';
  readonly receiver: GuestEnd | 'dom0' | 'bridge';
}

/** What `vifguard explain --json` prints for each frame. Keys may be added, never renamed or removed. */
export interface Explanation {
  /** Its place among the frames, from 1. */
  readonly number: number;
  readonly frame: string;
  readonly length: number;
  /** Fewer than `length` when the capture cut it short. */
  readonly captured: number;
  readonly from: string;
  readonly to: string;
  readonly verdict: 'accept' | 'drop' | 'discard';
  /** Whose guard drops it. */
  readonly port: string | null;
  readonly stage: string | null;
  readonly reason: string | null;
  readonly meaning: string | null;
  /** What would let it pass, all together. */
  readonly changes: readonly (Edit & Pick<Change, 'key' | 'value'> & { readonly port: string })[];
}

/** What there is to say of each frame that goes from one end to the other, as a backend reads it. */
export function explainer(
  ends: Ends,
  reading: Reading,
): (captured: CapturedFrame, number: number) => Explanation {
  const way: Way = { sender: policyOfEnd(ends.sender), receiver: policyOfEnd(ends.receiver) };
  const judge = judgeOfWay(way);
  return ({ octets, length }, number) => {
    const frame = parseFrame(whole(octets, length), reading);
    const common = {
      number,
      frame: frame === undefined ? 'shorter than an Ethernet header' : frameInWords(frame),
      length,
      captured: octets.length,
      from: labelOf(ends.sender),
      to: labelOf(ends.receiver),
    };
    if (frame === undefined) return { ...common, ...TOO_SHORT };
    const judgement = judge(frame);
    return {
      ...common,
      ...verdictOf(judgement, ends),
      // Found only when asked for: of a file, only the first frame of each reason needs it.
      get changes() {
        return judgement.verdict === 'drop' ? changesFor(ends, way, frame) : [];
      },
    };
  };
}

/** Pads a frame that the capture cut short, mostly in data that no rule reads: its length has to be right. */
function whole(octets: Uint8Array, length: number): Uint8Array {
  if (octets.length >= length) return octets;
  const padded = new Uint8Array(Math.min(length, LARGEST_CAPTURE));
  padded.set(octets);
  return padded;
}

const TOO_SHORT = {
  verdict: 'discard',
  port: null,
  stage: null,
  reason: 'ethernet-header',
  meaning: 'no device sends what has no whole Ethernet header',
  changes: [],
} as const;

function verdictOf(judgement: WayJudgement, ends: Ends) {
  const { verdict } = judgement;
  if (verdict === 'accept') return { verdict, port: null, stage: null, reason: null, meaning: null };
  const port = labelOf(ends[judgement.side]);
  if (judgement.verdict === 'discard') {
    const { discard } = judgement;
    return { verdict, port, stage: null, reason: discard, meaning: DISCARDS[discard] };
  }
  const { stage, reason } = judgement;
  return { verdict, port, stage, reason, meaning: REASONS[reason] };
}

function changesFor(ends: Ends, way: Way, frame: Frame): Explanation['changes'] {
  return remedyOf(way, frame).flatMap((change) => {
    const end = ends[change.side];
    if (typeof end === 'string') return [];
    const { key, value } = change;
    return [{ port: end.label, key, value, ...editOf(change, end.texts) }];
  });
}

function policyOfEnd<Other extends string>(end: GuestEnd | Other): GuardPolicy | Other {
  return typeof end === 'string' ? end : end.policy;
}

function labelOf(end: Ends[Side]): string {
  return typeof end === 'string' ? end : end.label;
}
