import test from 'ava';
import fc from 'fast-check';
import { InputError } from '../../src/errors.ts';
import { parseCall } from '../../src/watch/agent.ts';

test('a call has arguments and an environment, whatever is in them', (t) => {
  const bytes = Buffer.from('online\0type_if=vif\0\0vif=vif1.0\0XENBUS_PATH=a=b\nc\0script=\0');
  t.deepEqual(parseCall(bytes), {
    argv: ['online', 'type_if=vif'],
    env: { vif: 'vif1.0', XENBUS_PATH: 'a=b\nc', script: '' },
  });
  t.deepEqual(parseCall(Buffer.from('online\0\0')), { argv: ['online'], env: {} });
});

for (const part of ['', 'online', 'online\0', 'online\0\0vif=vif1.0', 'online\0\0vif\0', 'online\0\0=x\0']) {
  test(`${JSON.stringify(part)} is no whole call`, (t) => {
    t.throws(() => parseCall(Buffer.from(part)), { instanceOf: InputError });
  });
}

test('any octets are a call or an error', (t) => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.stringMatching(/^[a-z\0=]{0,60}$/).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(octets, (bytes) => {
      try {
        parseCall(Buffer.from(bytes));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
      }
    }),
  );
  t.pass();
});
