import { quote } from '../address/quote.ts';
import { nearest } from '../config/did-you-mean.ts';
import { InputError, VifguardError } from '../errors.ts';
import { type HostState, inspect, type PortReport } from '../host/inspection.ts';
import type { PortRecord } from '../port/registry.ts';

/**
 * The port that somebody means by `vif1.0`, `web1`, `web1/0`, or a domid for the name. An HVM guest's
 * tap goes by its own name only.
 *
 * @throws InputError when there is none, or more than one.
 */
export function findPort(text: string, ports: readonly PortReport[]): PortReport {
  const named = ports.find(({ port }) => port === text);
  if (named !== undefined) return named;
  const vifs = ports.filter(({ kind }) => kind === 'vif');
  const found = [matching(vifs, 'domain', text), matching(vifs, 'domid', text)].find(
    ({ length }) => length > 0,
  );
  const [first, ...more] = found ?? [];
  if (first === undefined) throw new InputError(notFound(text, ports));
  if (more.length === 0) return first;
  const names = [first, ...more].map(({ port }) => port);
  throw new InputError(`${quote(text)} has ${names.length} ports: name one of ${names.join(', ')}`);
}

/**
 * The port that somebody means, with what vifguard knows of it.
 *
 * @throws InputError as findPort, VifguardError when vifguard has no record of the port.
 */
export function findGuardedPort(text: string, state: HostState): { report: PortReport; record: PortRecord } {
  const report = findPort(text, inspect(state).ports);
  const record = state.registry.ports.get(report.port);
  if (record !== undefined) return { report, record };
  const problem = `${report.port} is ${report.differences.join('; ')}`;
  throw new VifguardError(`${problem}; "vifguard check" says what to do`);
}

/** Those of a domain, or of `DOMAIN/HANDLE`; a domain's name may itself hold a slash. */
function matching(vifs: readonly PortReport[], key: 'domain' | 'domid', text: string): readonly PortReport[] {
  const known = vifs.filter((vif) => vif[key] !== null);
  const ofDomain = known.filter((vif) => String(vif[key]) === text);
  if (ofDomain.length > 0) return ofDomain;
  return known.filter((vif) => `${vif[key]}/${vif.handle}` === text);
}

function notFound(text: string, ports: readonly PortReport[]): string {
  const known = ports.flatMap(({ port, domain }) => (domain === null ? [port] : [port, domain]));
  const meant = nearest(text, known);
  const hint = meant === undefined ? '' : `did you mean ${quote(meant)}? `;
  return `no guest's port is called ${quote(text)}; ${hint}"vifguard status" lists them`;
}
