import { BACKENDS } from '../backends/names.ts';
import { InputError } from '../errors.ts';

type Test = (value: unknown) => boolean;

const isText: Test = (value) => typeof value === 'string';
const isSwitch: Test = (value) => typeof value === 'boolean';
const isNumber: Test = (value) => Number.isSafeInteger(value);
const isTexts: Test = (value) => Array.isArray(value) && value.every(isText);
const isAddresses: Test = (value) => value === 'any' || isTexts(value);
const isOneOf =
  (words: readonly unknown[]): Test =>
  (value) =>
    words.includes(value);
const orAbsent =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);

type Shape = Readonly<Record<string, Test>>;

const BRIDGE: Shape = { address: isText, calledIp6tables: isSwitch };
const PORT: Shape = {
  kind: isOneOf(['vif', 'tap']),
  bridge: isText,
  domid: isNumber,
  handle: isNumber,
  domain: orAbsent(isText),
  backendPath: isText,
};
/** What is read of a policy before it is decoded (`policyOf`), which looks at all of it. */
const POLICY: Shape = {
  mode: isText,
  mac: isText,
  extraMacs: isTexts,
  ipv4: isAddresses,
  ipv6: isAddresses,
  linkLocal: isText,
  dhcp: isSwitch,
  peers: isText,
  dom0: isText,
  roles: isTexts,
  vlan: orAbsent(isNumber),
  virtualRouters: Array.isArray,
};

/** @throws InputError that names the first field of a registry that is not what it should be. */
export function requireRegistryShape(json: unknown): void {
  requireFields('', json, { pinned: isSwitch, backend: isOneOf(BACKENDS) });
  const { ports, bridges } = json as { readonly ports: unknown; readonly bridges: unknown };
  for (const [name, bridge] of entriesOf('bridges', bridges))
    requireFields(`bridges.${name}`, bridge, BRIDGE);
  for (const [name, port] of entriesOf('ports', ports)) {
    requireFields(`ports.${name}`, port, PORT);
    requireFields(`ports.${name}.policy`, (port as { readonly policy: unknown }).policy, POLICY);
  }
}

function requireFields(place: string, value: unknown, shape: Shape): void {
  const fields = requireObject(place, value);
  const wrong = Object.entries(shape).find(([name, test]) => !test(fields[name]));
  if (wrong !== undefined) throw malformed([place, wrong[0]].filter((part) => part !== '').join('.'));
}

function entriesOf(place: string, value: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(requireObject(place, value));
}

function requireObject(place: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(place || 'all of it');
  return value as Readonly<Record<string, unknown>>;
}

function malformed(place: string): InputError {
  return new InputError(`${place} is not what vifguard writes there`);
}
