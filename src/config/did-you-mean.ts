/** What to do about a word that is none of the known ones: the one that was probably meant, and all of them. */
export function suggest(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  const allowed = `it is one of ${known.join(', ')}`;
  return meant === undefined ? allowed : `did you mean "${meant}"? ${allowed}`;
}

/** The known word at most two edits away, the nearest of several, or undefined. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  return known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .filter(({ candidate, distance }) => distance <= 2 && distance < candidate.length)
    .sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** Levenshtein distance; words of very different lengths are not measured, and count as far apart. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
