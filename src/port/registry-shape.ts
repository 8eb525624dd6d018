import { BACKENDS } from '../backends/names.ts';
import { InputError } from '../errors.ts';
import { policyFromJson } from '../policy/serialize.ts';
import type { HostRecord, PortRecord } from './registry.ts';

type Test = (value: unknown) => boolean;

const isText: Test = (value) => typeof value === 'string';
/** What may be in the name of a file. */
const isWord: Test = (value) => typeof value === 'string' && /^[!-~]{1,64}$/.test(value);
const isSwitch: Test = (value) => typeof value === 'boolean';
const isNumber: Test = (value) => Number.isSafeInteger(value);
/** As the kernel gives them. */
const isIndex: Test = (value) => isNumber(value) && 0 < Number(value) && Number(value) < 2 ** 31;
const isOneOf =
  (words: readonly unknown[]): Test =>
  (value) =>
    words.includes(value);
const orAbsent =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);

type Shape = Readonly<Record<string, Test>>;

const HOST: Shape = { pinned: isSwitch, backend: isOneOf(BACKENDS), leaving: orAbsent(isOneOf(BACKENDS)) };
const BRIDGE: Shape = { address: isText, calledIp6tables: isSwitch };
const PORT: Shape = {
  kind: isOneOf(['vif', 'tap']),
  index: orAbsent(isIndex),
  bridge: isWord,
  domid: isNumber,
  handle: isNumber,
  domain: orAbsent(isText),
  backendPath: isWord,
};

/** @throws InputError that names the first field that is not what it should be. */
export function requireHostShape(json: unknown): asserts json is HostRecord {
  const { bridges } = requireFields('', json, HOST);
  for (const [name, bridge] of Object.entries(requireObject('bridges', bridges))) {
    requireFields(`bridges.${name}`, bridge, BRIDGE);
  }
}

/** @throws InputError that names the first field that is not what it should be. */
export function requirePortShape(json: unknown): asserts json is PortRecord {
  policyFromJson(requireFields('', json, PORT).policy);
}

function requireFields(place: string, value: unknown, shape: Shape): Readonly<Record<string, unknown>> {
  const fields = requireObject(place, value);
  const wrong = Object.entries(shape).find(([name, test]) => !test(fields[name]));
  if (wrong === undefined) return fields;
  throw malformed([place, wrong[0]].filter((part) => part !== '').join('.'));
}

export function requireObject(place: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(place || 'all of it');
  return value as Readonly<Record<string, unknown>>;
}

function malformed(place: string): InputError {
  return new InputError(`${place} is not what vifguard writes there`);
}
