import { parsePrefix, prefixContains } from '../address/ip.ts';
import { quote } from '../address/quote.ts';
import { InputError } from '../errors.ts';

/** Where metrics are served: on a unix socket, or on a TCP port of this host's loopback. */
export type MetricsAddress = { readonly path: string } | { readonly host: string; readonly port: number };

const LOOPBACK = ['127.0.0.0/8', '::1'].map(parsePrefix);

/** unix(7): sun_path without its NUL. */
const LONGEST_PATH = 107;

/** Undefined for the empty text: nowhere. @throws InputError for what others than this host could reach. */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  if (text === '') return undefined;
  if (text.startsWith('/')) return { path: requireShort(text) };
  const [, ipv6, ipv4, digits = ''] = /^(?:\[([^\]/]+)\]|([^:/]+)):([1-9]\d{0,4})$/.exec(text) ?? [];
  const host = ipv6 ?? ipv4;
  const port = Number(digits);
  if (host === undefined || port > 65535) {
    throw new InputError(
      `${quote(text)} is no place for metrics; write 127.0.0.1:PORT, [::1]:PORT, or the absolute path of a unix socket`,
    );
  }
  const address = parsePrefix(host);
  if (LOOPBACK.some((prefix) => prefixContains(prefix, address))) return { host, port };
  throw new InputError(
    `${quote(text)} could be reached from elsewhere; metrics are for this host: write 127.0.0.1:${port} or [::1]:${port}`,
  );
}

function requireShort(path: string): string {
  if (Buffer.byteLength(path) <= LONGEST_PATH && !path.includes('\0')) return path;
  throw new InputError(`${quote(path)} is too long for a socket; ${LONGEST_PATH} octets are the most`);
}

/** Undefined for the empty text. @throws InputError for a file that node_exporter would not read. */
export function parseTextfile(text: string): string | undefined {
  if (text === '') return undefined;
  if (text.startsWith('/') && text.endsWith('.prom')) return text;
  throw new InputError(
    `${quote(text)} is not what node_exporter reads; write an absolute path that ends in ".prom"`,
  );
}
