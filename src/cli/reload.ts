import { reload as reloadHost, type Selection } from '../host/reload.ts';
import { portsOfVif } from '../port/registry.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { findGuardedPort } from './find-port.ts';
import type { Terminals } from './program.ts';
import { plural, printable } from './terminal.ts';

/** `vifguard reload [VIF]`: says what it changed, and on stderr whose new config it could not use. */
export async function reload(vif: string | undefined, { stdout, stderr }: Terminals): Promise<ExitCode> {
  const { done, refused, ports } = await reloadHost(vif === undefined ? allPorts : portsOf(vif));
  for (const line of done) stdout.print(printable(line));
  for (const line of refused) stderr.print(`${stderr.paint('red', 'vifguard:')} ${printable(line)}`);
  if (done.length + refused.length === 0) {
    stdout.print(`nothing changed: ${plural(ports, 'port')} guarded as configs and xenstore say`);
  }
  return exitCodeOf(refused.length === 0);
}

const allPorts: Selection = ({ registry }) => registry.ports.keys();

/** The port that is meant, and its twin. */
function portsOf(text: string): Selection {
  return (state) => {
    const { backendPath } = findGuardedPort(text, state).record;
    return portsOfVif(state.registry, backendPath).map(([port]) => port);
  };
}
