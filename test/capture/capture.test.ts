import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import fc from 'fast-check';
import { readCapture, readCaptureFile } from '../../src/capture/capture-file.ts';
import { type CapturedFrame, CaptureError } from '../../src/capture/captured-frame.ts';
import { InputError } from '../../src/errors.ts';
import { pcapOf } from '../fuzz/pcap.ts';

/** Octets as a file's chunks, of this size. */
async function* chunks(octets: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

async function framesOf(octets: Uint8Array, size = 65_536): Promise<CapturedFrame[]> {
  const frames: CapturedFrame[] = [];
  for await (const frame of readCapture(chunks(octets, size))) frames.push(frame);
  return frames;
}

const hexOf = (frames: readonly CapturedFrame[]) =>
  frames.map(({ octets, length }) => `${Buffer.from(octets).toString('hex')}/${length}`);

type Order = 'LE' | 'BE';

function u32(order: Order, ...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) buffer[`writeUInt32${order}`](value >>> 0, 4 * index);
  return buffer;
}

function block(order: Order, type: number, body: Uint8Array): Buffer {
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  const length = u32(order, padded.length + 12);
  return Buffer.concat([u32(order, type), length, padded, length]);
}

/** A section of two frames, the second one cut short, with a block between them that nobody knows. */
function section(order: Order, linkType = 1): Buffer {
  const header = u32(order, 0x1a2b3c4d, order === 'LE' ? 1 : 1 << 16, 0xffffffff, 0xffffffff);
  const linkTypeField = order === 'LE' ? linkType : linkType << 16;
  return Buffer.concat([
    block(order, 0x0a0d0d0a, header),
    block(order, 1, u32(order, linkTypeField, 2)),
    block(order, 6, Buffer.concat([u32(order, 0, 0, 0, 3, 3), Buffer.from('aabbcc', 'hex')])),
    block(order, 0x0bad, Buffer.alloc(100)),
    block(order, 3, Buffer.concat([u32(order, 5), Buffer.from('dddd', 'hex')])),
  ]);
}

const SECTION = ['aabbcc/3', 'dddd/5'];

test('pcap and pcapng are read in both byte orders, in chunks of any size', async (t) => {
  const pcap = pcapOf([Buffer.from('0102', 'hex'), Buffer.from('030405', 'hex')]);
  const bigEndian = Buffer.from(
    'a1b23c4d 00020004 00000000 00000000 00040000 00000001 00000000 00000000 00000001 00000009 ee'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
  for (const size of [1, 3, 7, 65_536]) {
    t.deepEqual(hexOf(await framesOf(pcap, size)), ['0102/2', '030405/3']);
    t.deepEqual(hexOf(await framesOf(bigEndian, size)), ['ee/9']);
    t.deepEqual(hexOf(await framesOf(section('LE'), size)), SECTION);
    t.deepEqual(hexOf(await framesOf(section('BE'), size)), SECTION);
    const both = Buffer.concat([section('LE'), section('BE')]);
    t.deepEqual(hexOf(await framesOf(both, size)), [...SECTION, ...SECTION]);
  }
});

test('what tcpdump writes is read', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'vifguard-capture-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const frame = Buffer.alloc(100, 'ab', 'hex');
  const file = join(directory, 'web1.pcap');
  await execa('tcpdump', ['-r', '-', '-w', file, '-Z', 'root'], { input: pcapOf([frame, frame]) });
  const frames: CapturedFrame[] = [];
  for await (const captured of readCaptureFile(file)) frames.push(captured);
  t.deepEqual(hexOf(frames), new Array<string>(2).fill(`${frame.toString('hex')}/100`));
});

test('a file that ends too early gives what it has, and then an error', async (t) => {
  for (const whole of [pcapOf([Buffer.from('0102', 'hex')]), section('LE'), section('BE')]) {
    const all = hexOf(await framesOf(whole));
    let clean = 0;
    for (let length = 0; length < whole.length; length++) {
      const seen: CapturedFrame[] = [];
      const reading = async () => {
        for await (const frame of readCapture(chunks(whole.subarray(0, length), 5))) seen.push(frame);
      };
      try {
        await reading();
        clean += 1;
      } catch (error) {
        t.true(error instanceof CaptureError, String(error));
      }
      t.deepEqual(hexOf(seen), all.slice(0, seen.length));
    }
    t.true(clean < 8, 'the end of a block or record is the end of a file');
  }
});

const BAD: readonly (readonly [what: string, octets: Uint8Array, message: RegExp])[] = [
  ['text', Buffer.from('frame 1'), /^is no pcap or pcapng file; write one with "tcpdump/],
  ['nothing', Buffer.alloc(0), /^is no pcap or pcapng file/],
  [
    'a cooked capture',
    Buffer.concat([pcapOf([]).subarray(0, 20), u32('LE', 113)]),
    /^holds frames of link type 113/,
  ],
  ['a cooked pcapng', section('LE', 113), /^holds frames of link type 113/],
  [
    'a huge frame',
    Buffer.concat([pcapOf([]), u32('LE', 0, 0, 0xffffffff, 1)]),
    /^has a frame of 4294967295 octets/,
  ],
  [
    'a huge block',
    Buffer.concat([section('LE'), u32('LE', 6, 0xfffffffc)]),
    /^has a block of 4294967280 octets/,
  ],
  ['a block without end', Buffer.concat([section('LE'), u32('LE', 6, 8)]), /^has a block of 8 octets/],
  [
    'a frame longer than its block',
    Buffer.concat([section('LE'), block('LE', 6, u32('LE', 0, 0, 0, 9, 9))]),
    /^has a block that is too short/,
  ],
  [
    'a frame of no interface',
    Buffer.concat([section('LE'), block('LE', 6, u32('LE', 7, 0, 0, 0, 0))]),
    /^has a frame of interface 7/,
  ],
  [
    'interfaces without end',
    Buffer.concat([section('LE'), ...Array.from({ length: 2000 }, () => block('LE', 1, u32('LE', 1, 0)))]),
    /^describes more than 1024 interfaces/,
  ],
];

for (const [what, octets, message] of BAD) {
  test(`${what} is refused`, async (t) => {
    await t.throwsAsync(framesOf(octets), { instanceOf: CaptureError, message });
  });
}

test('any octets are read to an end or an error that says what it is', async (t) => {
  const mutated = fc
    .tuple(
      fc.constantFrom(section('LE'), section('BE'), Buffer.from(pcapOf([Buffer.alloc(40)]))),
      fc.nat(),
      fc.nat(255),
    )
    .map(([octets, at, value]) => {
      const changed = Buffer.from(octets);
      changed[at % changed.length] = value;
      return changed;
    });
  const readable = fc.asyncProperty(mutated, async (octets) => {
    try {
      return (await framesOf(octets, 16)).every(({ octets: { length } }) => length <= octets.length);
    } catch (error) {
      return error instanceof CaptureError;
    }
  });
  await fc.assert(readable, { numRuns: 3000 });
  t.pass();
});

test('a file that is not there is named', async (t) => {
  const reading = readCaptureFile('/nonexistent/web1.pcap').next();
  await t.throwsAsync(reading, {
    instanceOf: InputError,
    message: /^"\/nonexistent\/web1\.pcap" cannot be read: ENOENT/,
  });
});
