import { FAMILY_BITS, type IpFamily, type IpPrefix } from './ip.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly prefix: IpPrefix;
}

/** A fixed set of prefixes that answers in logarithmic time whether a prefix overlaps any of them. */
export class PrefixSet {
  readonly #ranges: Readonly<Record<IpFamily, readonly Range[]>>;

  constructor(prefixes: readonly IpPrefix[]) {
    this.#ranges = { 4: outermostRanges(prefixes, 4), 6: outermostRanges(prefixes, 6) };
  }

  /** A member that shares an address with `prefix`, or undefined. */
  findOverlap(prefix: IpPrefix): IpPrefix | undefined {
    const ranges = this.#ranges[prefix.family];
    const wanted = toRange(prefix);
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle]?.first ?? 0n) <= wanted.last) low = middle + 1;
      else high = middle;
    }
    const candidate = ranges[low - 1];
    return candidate !== undefined && candidate.last >= wanted.first ? candidate.prefix : undefined;
  }
}

/** Sorted and disjoint: of two prefixes that overlap one holds the other, and the outer one stays. */
function outermostRanges(prefixes: readonly IpPrefix[], family: IpFamily): Range[] {
  const sorted = prefixes
    .filter((prefix) => prefix.family === family)
    .map(toRange)
    .sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const outermost: Range[] = [];
  for (const range of sorted) {
    const previous = outermost.at(-1);
    if (previous === undefined || range.first > previous.last) outermost.push(range);
  }
  return outermost;
}

function toRange(prefix: IpPrefix): Range {
  const size = 1n << BigInt(FAMILY_BITS[prefix.family] - prefix.length);
  return { first: prefix.bits, last: prefix.bits + size - 1n, prefix };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
