import type { Backend } from './backend.ts';
import type { BackendName } from './names.ts';

/** Loads no more than the backend that is asked for: an event needs one, and its start time counts. */
export async function loadBackend(name: BackendName): Promise<Backend> {
  switch (name) {
    case 'xtables':
      return (await import('./xtables/backend.ts')).xtables;
    case 'nftables':
      return (await import('./nftables/backend.ts')).nftables;
  }
}
