import type { Guard } from '../rules/guard.ts';
import type { Reason } from '../rules/reason.ts';
import type { Provenance } from '../rules/rule.ts';
import { bridged, type Discard, forwarded } from './bridge-netfilter.ts';
import { evaluateStage, evaluateWay, type Ruling } from './evaluate.ts';
import type { Frame } from './frame.ts';
import { holdsUpperLayer, mayHoldUpperLayer } from './packet-end.ts';

/** What becomes of a frame: let through, dropped by the guard, or thrown away by the kernel itself. */
export type Judgement =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'drop'; readonly stage: string; readonly reason: Reason }
  | { readonly verdict: 'discard'; readonly discard: Discard };

/** Where a frame to a guest comes from: the uplink, dom0 itself, or the port of another guest. */
export type Origin = 'uplink' | 'dom0' | Provenance;

/** A frame from the guest, up to where the bridge decides whom to give it. */
export function judgeFromGuest(guard: Guard, frame: Frame): Judgement {
  const ruling = guard.mode === 'locked' ? evaluateWay(guard.rules.fromGuest, frame) : byMode(guard);
  if (ruling !== 'accept') return dropped(ruling);
  const passed = bridged(frame);
  if (guard.mode === 'locked' && typeof passed !== 'string' && isCutShort(passed)) {
    return dropped({ stage: 'upper-layer', reason: 'ipv6-header-chain' });
  }
  return judgementOf(passed);
}

function isCutShort({ ipv6, reading }: Frame): boolean {
  if (ipv6 === undefined) return false;
  return !(reading.bridgeNetfilter ? holdsUpperLayer(ipv6.packet) : mayHoldUpperLayer(ipv6));
}

/** A frame from the guest that is for dom0's own stack. */
export function judgeToDom0(guard: Guard, frame: Frame): Judgement {
  const judgement = judgeFromGuest(guard, frame);
  const passed = bridged(frame);
  if (judgement.verdict !== 'accept' || guard.mode !== 'locked' || typeof passed === 'string') {
    return judgement;
  }
  const ruling = evaluateStage(guard.rules.toDom0, passed);
  return ruling === 'accept' ? judgement : dropped(ruling);
}

/** A frame that the bridge gives to the guest's port. What dom0 sends itself has passed no br_netfilter. */
export function judgeToGuest(guard: Guard, frame: Frame, origin: Origin): Judgement {
  const passed = origin === 'dom0' ? frame : forwarded(frame);
  if (typeof passed === 'string') return judgementOf(passed);
  const provenance = typeof origin === 'string' ? undefined : origin;
  const ruling =
    guard.mode === 'locked' ? evaluateWay(guard.rules.toGuest, passed, provenance) : byMode(guard);
  return ruling === 'accept' ? { verdict: 'accept' } : dropped(ruling);
}

function byMode({ mode }: Exclude<Guard, { mode: 'locked' }>): Ruling {
  return mode === 'unlocked' ? 'accept' : { stage: 'mode', reason: 'disabled' };
}

function judgementOf(passed: Frame | Discard): Judgement {
  return typeof passed === 'string' ? { verdict: 'discard', discard: passed } : { verdict: 'accept' };
}

function dropped(ruling: Exclude<Ruling, 'accept'>): Judgement {
  return { verdict: 'drop', ...ruling };
}
