/** What ends, with all that it has: a test. */
export interface Owner {
  teardown(stop: () => Promise<void>): void;
}

/** How many tests of a file may have labs at a time: with more, each is so slow that whatever waits gives up. */
const AT_ONCE = 8;

let free = AT_ONCE;
const waiting: (() => void)[] = [];
const having = new WeakSet<Owner>();

/** Waits until a test may have labs; it may then have any number of them, until it ends. */
export async function takeTurn(owner: Owner): Promise<void> {
  if (having.has(owner)) return;
  having.add(owner);
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  owner.teardown(async () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  });
}
