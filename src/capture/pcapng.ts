import {
  type CapturedFrame,
  CaptureError,
  LARGEST_CAPTURE,
  requireCapturable,
  requireEthernet,
  requireWhole,
} from './captured-frame.ts';
import type { OctetStream } from './octet-stream.ts';

// draft-ietf-opsawg-pcapng: blocks of type, length, body, and length again.

export const PCAPNG_MAGIC = 0x0a0d0d0a;

/** The byte-order magic of a section header as it stands in the file. */
const ORDERS: ReadonlyMap<number, 'LE' | 'BE'> = new Map([
  [0x4d3c2b1a, 'LE'],
  [0x1a2b3c4d, 'BE'],
]);

const INTERFACE = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

/** A packet with its options, or an interface with its own. */
const LARGEST_BLOCK = LARGEST_CAPTURE + 65_536;
const MOST_INTERFACES = 1024;

interface Interface {
  readonly linkType: number;
  /** 0 is no limit. */
  readonly snapLength: number;
}

/**
 * The frames of a pcapng file whose first block type has been read; other blocks are passed over.
 *
 * @throws CaptureError
 */
export async function* readPcapng(stream: OctetStream): AsyncGenerator<CapturedFrame> {
  let order = await startSection(stream);
  let interfaces: Interface[] = [];
  for (;;) {
    const head = await stream.take(4);
    if (head.length === 0) return;
    requireWhole(head, 4);
    if (head.readUInt32BE(0) === PCAPNG_MAGIC) {
      order = await startSection(stream);
      interfaces = [];
      continue;
    }
    const type = head[`readUInt32${order}`](0);
    const body = await readBody(stream, order, type);
    if (body === undefined) continue;
    const block = new Block(body, order);
    if (type === INTERFACE) interfaces.push(readInterface(block));
    else yield type === ENHANCED_PACKET ? enhancedPacket(block, interfaces) : simplePacket(block, interfaces);
    if (interfaces.length > MOST_INTERFACES) {
      throw new CaptureError(`describes more than ${MOST_INTERFACES} interfaces; the file is damaged`);
    }
  }
}

/** Reads a section header from behind its type, and gives the byte order of the section. */
async function startSection(stream: OctetStream): Promise<'LE' | 'BE'> {
  const head = await stream.take(8);
  requireWhole(head, 8);
  const order = ORDERS.get(head.readUInt32BE(4));
  if (order === undefined) throw new CaptureError('has a section without byte order; the file is damaged');
  await skip(stream, bodyLength(head, order) - 4);
  return order;
}

/** The body of a block, or undefined for one that is passed over. */
async function readBody(stream: OctetStream, order: 'LE' | 'BE', type: number): Promise<Buffer | undefined> {
  const head = await stream.take(4);
  requireWhole(head, 4);
  const length = bodyLength(head, order);
  if (type !== INTERFACE && type !== SIMPLE_PACKET && type !== ENHANCED_PACKET) {
    await skip(stream, length);
    return undefined;
  }
  if (length > LARGEST_BLOCK) throw new CaptureError(`has a block of ${length} octets; the file is damaged`);
  const body = await stream.take(length);
  requireWhole(body, length);
  await skip(stream, 0);
  return body;
}

/** Type and both lengths are not of the body. */
function bodyLength(head: Buffer, order: 'LE' | 'BE'): number {
  const total = head[`readUInt32${order}`](0);
  if (total >= 12 && total % 4 === 0) return total - 12;
  throw new CaptureError(`has a block of ${total} octets; the file is damaged`);
}

/** Passes over the rest of a block, and the length behind it. */
async function skip(stream: OctetStream, length: number): Promise<void> {
  if (length >= 0 && (await stream.skip(length + 4))) return;
  throw new CaptureError('ends within a block; what came before it was read');
}

/** The body of a block. */
class Block {
  constructor(
    readonly body: Buffer,
    readonly order: 'LE' | 'BE',
  ) {}

  u16(offset: number): number {
    this.#require(offset + 2);
    return this.body[`readUInt16${this.order}`](offset);
  }

  u32(offset: number): number {
    this.#require(offset + 4);
    return this.body[`readUInt32${this.order}`](offset);
  }

  octets(offset: number, length: number): Buffer {
    requireCapturable(length);
    this.#require(offset + length);
    return this.body.subarray(offset, offset + length);
  }

  #require(end: number): void {
    if (end > this.body.length) throw new CaptureError('has a block that is too short; the file is damaged');
  }
}

function readInterface(block: Block): Interface {
  return { linkType: block.u16(0), snapLength: block.u32(4) };
}

function enhancedPacket(block: Block, interfaces: readonly Interface[]): CapturedFrame {
  interfaceOf(interfaces, block.u32(0));
  return { octets: block.octets(20, block.u32(12)), length: block.u32(16) };
}

/** Of the first interface, and as long as that one captures. */
function simplePacket(block: Block, interfaces: readonly Interface[]): CapturedFrame {
  const { snapLength } = interfaceOf(interfaces, 0);
  const length = block.u32(0);
  const captured = Math.min(length, snapLength === 0 ? length : snapLength);
  return { octets: block.octets(4, captured), length };
}

function interfaceOf(interfaces: readonly Interface[], index: number): Interface {
  const found = interfaces[index];
  if (found === undefined) throw new CaptureError(`has a frame of interface ${index}, and no such interface`);
  requireEthernet(found.linkType);
  return found;
}
