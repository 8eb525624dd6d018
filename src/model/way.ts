import type { GuardPolicy } from '../policy/guard-policy.ts';
import { guardOf, provenanceOf } from '../rules/guard.ts';
import type { Frame } from './frame.ts';
import { type Judgement, judgeFromGuest, judgeToDom0, judgeToGuest } from './judge.ts';

/** Where a frame comes from and where it goes: a guest's policy, or `bridge` for wherever the bridge sends it. */
export interface Way {
  readonly sender: GuardPolicy | 'uplink' | 'dom0';
  readonly receiver: GuardPolicy | 'dom0' | 'bridge';
}

/** One of the two ends of a way. */
export type Side = keyof Way;

/** What becomes of a frame, and at whose port. */
export type WayJudgement =
  | { readonly verdict: 'accept' }
  | (Exclude<Judgement, { verdict: 'accept' }> & { readonly side: Side });

/** The judge of all frames that go a way: the sender's port first, then the receiver's. */
export function judgeOfWay({ sender, receiver }: Way): (frame: Frame) => WayJudgement {
  const leaving = typeof sender === 'string' ? undefined : guardOf(sender);
  const arriving = typeof receiver === 'string' ? undefined : guardOf(receiver);
  const origin = typeof sender === 'string' ? sender : leaving && provenanceOf(leaving);
  const judgeLeaving = receiver === 'dom0' ? judgeToDom0 : judgeFromGuest;
  return (frame) => {
    const left = leaving && at('sender', judgeLeaving(leaving, frame));
    if (arriving === undefined || origin === undefined || (left && left.verdict !== 'accept')) {
      return left ?? { verdict: 'accept' };
    }
    return at('receiver', judgeToGuest(arriving, frame, origin));
  };
}

function at(side: Side, judgement: Judgement): WayJudgement {
  return judgement.verdict === 'accept' ? judgement : { ...judgement, side };
}
