import test from 'ava';
import fc from 'fast-check';
import { InputError } from '../../src/errors.ts';
import { parseVlan } from '../../src/policy/vlan.ts';

test('reads an access VLAN, with the mark that xl takes for it', (t) => {
  t.deepEqual(['1', '10', '10p', '10u', '4094'].map(parseVlan), [1, 10, 10, 10, 4094]);
});

// What xl-network-configuration(5) allows besides.
for (const trunk of ['10p/20', '10p/100+10x4', '10-20', '10-20u', '1p/10-15/20-25u']) {
  test(`refuses the trunk ${trunk}, and says what to do`, (t) => {
    const { message } = t.throws(() => parseVlan(trunk), { instanceOf: InputError });
    t.is(
      message,
      `"${trunk}" is a trunk, and vif-guard lets no tagged frame through; give the guest a vif for each VLAN`,
    );
  });
}

for (const text of [
  '',
  '0',
  '4095',
  '99999999999999999999',
  '-1',
  '1.5',
  '10q',
  '10pu',
  '10/',
  'ten',
  '$(reboot)',
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.regex(t.throws(() => parseVlan(text), { instanceOf: InputError }).message, / is no VLAN; /);
  });
}

test('any text is a VLAN or refused', (t) => {
  const near = fc
    .array(fc.constantFrom(...'0123456789pu/-+x'), { maxLength: 12 })
    .map((characters) => characters.join(''));
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      try {
        const vid = parseVlan(text);
        return vid >= 1 && vid <= 4094;
      } catch (error) {
        return error instanceof InputError;
      }
    }),
    { numRuns: 5000 },
  );
  t.pass();
});
