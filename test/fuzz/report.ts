import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { toHex } from '../frames/bytes.ts';
import { pcapOf } from './pcap.ts';
import type { Finding } from './rounds.ts';

const DIRECTORY = fileURLToPath(new URL('../../build/fuzz/', import.meta.url));

/** Saves the frame as a pcap file, and beside it who sent it where under which policies. Gives its name. */
export async function save(finding: Finding): Promise<string> {
  const { seed, index, kind, place, frame, policies } = finding;
  const name = `${DIRECTORY}${seed}-${index}-${kind}-${place}`;
  const { sender, octets } = frame;
  const facts = { kind, sender, place, hex: toHex(octets), seed, index, policies };
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(`${name}.pcap`, pcapOf([octets]));
  await writeFile(`${name}.json`, `${JSON.stringify(facts, null, 2)}\n`);
  return `${name}.pcap`;
}

/** `hole: guest 3 -> gateway: HEX`. */
export function describe({ kind, frame: { sender, octets }, place }: Finding): string {
  const name = (station: number | string) => (typeof station === 'number' ? `guest ${station}` : station);
  const meaning = kind === 'hole' ? 'arrives, against the model' : 'does not arrive, against the model';
  return `${kind}: ${name(sender)} -> ${name(place)} ${meaning}: ${toHex(octets)}`;
}
