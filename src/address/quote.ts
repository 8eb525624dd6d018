const LONGEST = 60;

/**
 * Any text made fit for a message: in double quotes, at most 60 characters of it, and everything but
 * printable ASCII escaped, so that a hostile value can neither flood a log nor steer a terminal.
 */
export function quote(text: string): string {
  const shown = text.slice(0, LONGEST).replace(/[^\x20-\x7e]|["\\]/g, escapeUnit);
  return text.length > LONGEST ? `"${shown}..." (${text.length} characters)` : `"${shown}"`;
}

function escapeUnit(unit: string): string {
  if (unit === '"' || unit === '\\') return `\\${unit}`;
  const code = unit.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}
