/** One `key=value` of a vif spec or of a vifguard entry. */
export interface SpecField {
  readonly key: string;
  /** Undefined when there is no "=". */
  readonly value: string | undefined;
  /** Index of the key's first character in the spec. */
  readonly offset: number;
}

/** Splits `key=value,key=value` as xl does (xl_parse.c): empty fields and leading spaces do not count. */
export function splitSpec(spec: string): SpecField[] {
  const fields: SpecField[] = [];
  for (const match of spec.matchAll(/[^,]+/g)) {
    const blanks = match[0].length - match[0].trimStart().length;
    const field = match[0].slice(blanks);
    if (field === '') continue;
    const equals = field.indexOf('=');
    fields.push({
      key: equals < 0 ? field : field.slice(0, equals),
      value: equals < 0 ? undefined : field.slice(equals + 1),
      offset: match.index + blanks,
    });
  }
  return fields;
}

/** The last field of that key, the one that counts for xl. */
export function findField(spec: string, key: string): SpecField | undefined {
  return splitSpec(spec).findLast((field) => field.key === key && field.value !== undefined);
}

/** The items of a text between ASCII blanks; none for a text of blanks only. */
export function splitWords(text: string): string[] {
  return text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '');
}
