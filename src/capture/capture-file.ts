import { createReadStream } from 'node:fs';
import { quote } from '../address/quote.ts';
import { describeError, InputError, isSystemError } from '../errors.ts';
import { type CapturedFrame, CaptureError } from './captured-frame.ts';
import { OctetStream } from './octet-stream.ts';
import { PCAP_MAGIC, readPcap } from './pcap.ts';
import { PCAPNG_MAGIC, readPcapng } from './pcapng.ts';

/**
 * The frames of a pcap or pcapng file, one after the other.
 *
 * @throws InputError when it cannot be read, or not to its end.
 */
export async function* readCaptureFile(file: string): AsyncGenerator<CapturedFrame> {
  try {
    yield* readCapture(createReadStream(file));
  } catch (error) {
    if (error instanceof CaptureError)
      throw new InputError(`${quote(file)} ${error.message}`, { cause: error });
    if (!isSystemError(error)) throw error;
    throw new InputError(`${quote(file)} cannot be read: ${describeError(error)}`, { cause: error });
  }
}

/** The frames of a capture in chunks. @throws CaptureError */
export async function* readCapture(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CapturedFrame> {
  const stream = new OctetStream(chunks);
  const head = await stream.take(4);
  const magic = head.length < 4 ? 0 : head.readUInt32BE(0);
  const order = PCAP_MAGIC.get(magic);
  if (order !== undefined) yield* readPcap(stream, order);
  else if (magic === PCAPNG_MAGIC) yield* readPcapng(stream);
  else throw new CaptureError('is no pcap or pcapng file; write one with "tcpdump -i vif1.0 -Q in -w FILE"');
}
