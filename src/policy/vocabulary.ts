import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';
import type { Dom0Access, LinkLocal, Mode, Peers, Role } from './guard-policy.ts';

/** The words a policy is written in: in configs, in the state file and in xenstore. */
export const MODES = ['locked', 'unlocked', 'disabled'] as const satisfies readonly Mode[];
export const PEERS = ['isolated', 'open'] as const satisfies readonly Peers[];
export const DOM0_ACCESS = ['allow', 'icmp', 'none'] as const satisfies readonly Dom0Access[];
export const LINK_LOCAL = ['eui64', 'listed', 'any'] as const satisfies readonly LinkLocal[];
export const ROLES = ['router', 'dhcp-server', 'vrrp'] as const satisfies readonly Role[];
const SWITCH = ['on', 'off'] as const;

/** @throws InputError when the text is none of the words. */
export function parseWord<Word extends string>(text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new InputError(`${quote(text)} is none of ${words.join(', ')}`);
}

/** @throws InputError when the text is neither `on` nor `off`. */
export function parseSwitch(text: string): boolean {
  return parseWord(text, SWITCH) === 'on';
}
