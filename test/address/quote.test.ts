import test from 'ava';
import fc from 'fast-check';
import { quote } from '../../src/address/quote.ts';

test('escapes what is not printable ASCII, quotes and backslashes', (t) => {
  t.is(quote('a "b" \\ \0\n\x1b[31m é\u202e'), '"a \\"b\\" \\\\ \\x00\\x0a\\x1b[31m \\xe9\\u202e"');
});

test('shortens long text and says how long it was', (t) => {
  t.is(quote('x'.repeat(100_000)), `"${'x'.repeat(60)}..." (100000 characters)`);
  t.is(quote('x'.repeat(60)), `"${'x'.repeat(60)}"`);
});

test('is always short and printable', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) =>
      /^"[\x20-\x7e]{0,360}"( \(\d+ characters\))?$|^"[\x20-\x7e]{0,363}" \(\d+ characters\)$/.test(
        quote(text),
      ),
    ),
  );
  t.pass();
});
