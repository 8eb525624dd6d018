import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { XenstoreClient } from '../../src/xenstore/client.ts';
import { startXenstored, type Xenstored } from '../lab/xenstored.ts';

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'vifguard-xs-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A real xenstored and our client connected to it; both end with the test. */
export async function startStore(t: ExecutionContext): Promise<{ xs: Xenstored; client: XenstoreClient }> {
  const xs = await startXenstored(await temporaryDirectory(t));
  t.teardown(() => xs.stop());
  const client = await XenstoreClient.open({ path: xs.socket });
  t.teardown(() => client.close());
  return { xs, client };
}
