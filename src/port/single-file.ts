import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Ports } from './ports.ts';
import type { Registry } from './registry.ts';
import { requireHostShape, requireObject, requirePortShape } from './registry-shape.ts';
import { readJson } from './state-file.ts';

// Until it had a file for each port, the registry was one file. Guests that are attached while vifguard is
// upgraded stay in it until something is written.

function singleFile(directory: string): string {
  return join(directory, 'registry.json');
}

/** @throws VifguardError when it cannot be read or is no registry. */
export function readSingleFile(directory: string): Registry | undefined {
  const file = singleFile(directory);
  if (!existsSync(file)) return undefined;
  return readJson(file, (json) => {
    const { ports: records, ...host } = requireObject('', json);
    requireHostShape(host);
    const ports = Object.entries(requireObject('ports', records)).map(([name, record]) => {
      requirePortShape(record);
      return [name, record] as const;
    });
    return { ...host, ports: new Ports(undefined, ports) };
  });
}

/** Once all of it is in the files of today. */
export function removeSingleFile(directory: string): void {
  if (existsSync(singleFile(directory))) unlinkSync(singleFile(directory));
}
