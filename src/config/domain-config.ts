import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { quote } from '../address/quote.ts';
import { ConfigError } from './config-error.ts';
import { isAbsent, isDirectory, readConfigText } from './config-file.ts';
import { parseXlcfg, type XlConfig } from './xlcfg-parser.ts';

export interface DomainQuery {
  /** As /local/domain/ID/name has it; `--incoming` of a migration is taken off. */
  readonly name: string;
  /** Directories and files to look in. */
  readonly paths: readonly string[];
}

/** The name of a domain without the mark libxl gives it while it migrates in. */
export function plainDomainName(name: string): string {
  return name.replace(/--incoming$/, '');
}

/**
 * The config of a domain: the file whose `name` setting is the domain's name. Files called NAME.cfg
 * or NAME are read first, and the other .cfg files only when none of those is it, which keeps one
 * event cheap among thousands of configs. A file counts by what it says, never by what it is called.
 * Undefined when there is none.
 *
 * @throws ConfigError when two different files have that name, when a file called after the domain
 *   is no xl config, or when a directory or file cannot be read.
 */
export function findDomainConfig(query: DomainQuery): XlConfig | undefined {
  const name = plainDomainName(query.name);
  const places = query.paths.map(openPlace);
  const named = places.flatMap((place) => namedAfter(name, place));
  const own = pickOne(name, named.map(readOwn));
  if (own !== undefined) return own;
  const foreign = others(places).map((file) => readForeign(file, name));
  return pickOne(name, foreign);
}

/** One of the paths of the host config: a directory, or a file that was named outright. */
type Place = { readonly directory: string } | { readonly file: string };

function openPlace(path: string): Place {
  return isDirectory(path) ? { directory: path } : { file: path };
}

function namedAfter(name: string, place: Place): string[] {
  if ('file' in place || !/^[^/\0]{1,250}$/.test(name) || /^\.\.?$/.test(name)) return [];
  return [join(place.directory, `${name}.cfg`), join(place.directory, name)];
}

function others(places: readonly Place[]): string[] {
  return places.flatMap((place) => ('file' in place ? [place.file] : configsIn(place.directory)));
}

function configsIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.cfg') && !name.startsWith('.'));
    return names.map((name) => join(directory, name));
  } catch (error) {
    if (isAbsent(error)) return [];
    const problem = `cannot be listed: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError({ file: directory, problem }, { cause: error });
  }
}

function readOwn(file: string): XlConfig | undefined {
  const text = isDirectory(file) ? undefined : readConfigText(file);
  return text === undefined ? undefined : parseXlcfg(file, text);
}

/** A file with another name: if it is no config, that is another domain's problem. */
function readForeign(file: string, name: string): XlConfig | undefined {
  try {
    const text = readConfigText(file);
    return text !== undefined && mayName(text, name) ? parseXlcfg(file, text) : undefined;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** Without escapes and `+=`, the file contains the value literally: most files need no parsing. */
function mayName(text: string, name: string): boolean {
  return text.includes(bytesOf(name)) || text.includes('\\') || text.includes('+=');
}

function pickOne(name: string, configs: readonly (XlConfig | undefined)[]): XlConfig | undefined {
  const wanted = bytesOf(name);
  const [first, ...rest] = configs
    .filter((config) => config !== undefined)
    .filter((config) => nameOf(config) === wanted);
  if (first === undefined) return undefined;
  const other = rest.find(({ file }) => !isSameFile(file, first.file));
  if (other === undefined) return first;
  const problem = `both it and ${other.file} say name = ${quote(name)}`;
  const advice = 'keep one, or take its directory out of domain_configs';
  throw new ConfigError({ file: first.file, problem, advice });
}

function nameOf(config: XlConfig): string | undefined {
  const value = config.settings.get('name')?.value;
  return value?.kind === 'string' ? value.text : undefined;
}

/** A text in the form readConfigText gives it, one character for each byte of its UTF-8. */
function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Whether two paths lead to one file; not, when one of them leads nowhere any more. */
function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}
