import test from 'ava';
import fc from 'fast-check';
import { parseBridgeName, parseInterfaceName } from '../../src/address/interface-name.ts';
import { InputError } from '../../src/errors.ts';

for (const name of ['vif1.0', 'vif1.0-emu', 'xenbr0', 'a', '_x', '.a', 'abcdefghijklmno']) {
  test(`takes ${name} as an interface name`, (t) => {
    t.is<string, string>(parseInterfaceName(name), name);
  });
}

const hostile = [
  '',
  '.',
  '..',
  '...',
  '-A',
  'abcdefghijklmnop',
  'a b',
  'a/b',
  'vif+',
  'vif*',
  'vif%d',
  'a"b',
  "a'b",
];

for (const name of [
  ...hostile,
  'a\n',
  '\na',
  'a\0',
  'é',
  'a;b',
  '$(x)',
  '!a',
  'a:1',
  '\u202ea',
  'x'.repeat(100_000),
]) {
  test(`refuses ${JSON.stringify(name.slice(0, 20))} (${name.length}) as an interface name`, (t) => {
    const error = t.throws(() => parseInterfaceName(name), { instanceOf: InputError });
    t.regex(error.message, /^"[\x20-\x7e]{0,70}".* is not a usable interface name/);
    t.true(error.message.length < 250);
  });
}

for (const name of ['all', 'default']) {
  test(`refuses ${name}, which the kernel keeps for itself`, (t) => {
    t.throws(() => parseInterfaceName(name), { instanceOf: InputError, message: /no interface may have/ });
  });
}

test('whatever is taken cannot change the meaning of a rule, a path or a command line', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      try {
        const name = parseInterfaceName(text);
        return Buffer.byteLength(name) <= 15 && !/[^\w.-]|^-/.test(name);
      } catch (error) {
        return error instanceof InputError;
      }
    }),
  );
  t.pass();
});

test('reads a bridge, and a bridge in a network namespace', (t) => {
  t.deepEqual({ ...parseBridgeName('xenbr0') }, { name: parseInterfaceName('xenbr0') });
  t.deepEqual({ ...parseBridgeName('tenant-a/br0') }, { netns: 'tenant-a', name: parseInterfaceName('br0') });
});

for (const text of [
  '',
  '/br0',
  'a/',
  '../br0',
  './br0',
  'a/b/br0',
  '/run/netns/a/br0',
  '-a/br0',
  'a b/br0',
  'a/br+',
]) {
  test(`refuses the bridge ${JSON.stringify(text)}`, (t) => {
    t.throws(() => parseBridgeName(text), { instanceOf: InputError });
  });
}
