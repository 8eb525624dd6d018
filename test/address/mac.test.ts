import test from 'ava';
import { macBytes, parseMac } from '../../src/address/mac.ts';
import { InputError } from '../../src/errors.ts';

test('reads a MAC in any case and with short pairs, and writes one form', (t) => {
  t.is(parseMac('00:16:3E:38:B4:AC'), parseMac('0:16:3e:38:b4:ac'));
  t.deepEqual([...macBytes(parseMac('00:16:3e:38:b4:ac'))], [0x00, 0x16, 0x3e, 0x38, 0xb4, 0xac]);
});

const bad = [
  '',
  '00:16:3e:38:b4',
  '00:16:3e:38:b4:ac:00',
  '00-16-3e-38-b4-ac',
  '00:16:3e:38:b4:ag',
  ' 00:16:3e:38:b4:ac',
];

for (const text of [
  ...bad,
  '01:16:3e:38:b4:ac',
  'ff:ff:ff:ff:ff:ff',
  '00:00:00:00:00:00',
  '00:16:3e:38:b4:ac\n',
  '\0'.repeat(100_000),
]) {
  test(`refuses ${JSON.stringify(text.slice(0, 30))} (${text.length}), quoted safely`, (t) => {
    const error = t.throws(() => parseMac(text), { instanceOf: InputError });
    t.regex(error.message, /^[\x20-\x7e]{1,400}$/);
  });
}
