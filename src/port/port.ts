import { parseInterfaceName } from '../address/interface-name.ts';
import { parseMtu } from '../address/mtu.ts';
import { quote } from '../address/quote.ts';
import { InputError, readKey } from '../errors.ts';
import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import type { VifRecord } from '../xenstore/vif-record.ts';
import type { PortKind } from './registry.ts';

/** The name a port is to have: its vifname, with `-emu` for the tap (libxl_nic.c), or the device's own. */
export function portName(record: VifRecord, kind: PortKind, device: string): string {
  const { vifname } = record;
  if (vifname === undefined || vifname === '') return parseInterfaceName(device);
  const wanted = kind === 'tap' && !vifname.endsWith('-emu') ? `${vifname}-emu` : vifname;
  return readKey(`${record.backendPath}/vifname`, () => parseInterfaceName(wanted));
}

interface PortSearch {
  /** The interface as xl made it. */
  readonly device: string;
  /** The name it is to have. */
  readonly name: string;
  /** The vif's device as it is recorded, if it is there. */
  readonly guarded: Link | undefined;
}

/**
 * The link of a port, under the name it came with, or as it is guarded already.
 *
 * @throws InputError when there is none, or when another link already has the name that it is to have.
 */
export async function findPort(rtnetlink: Rtnetlink, { device, name, guarded }: PortSearch): Promise<Link> {
  const port = (await rtnetlink.link(device)) ?? guarded;
  const named = device === name ? port : await rtnetlink.link(name);
  if (named !== undefined && named.index !== port?.index) {
    throw new InputError(
      `vifname ${quote(name)} is taken by another interface; give ${device} another vifname`,
    );
  }
  if (port === undefined)
    throw new InputError(`there is no interface ${device}; xl makes it before it calls vif-guard`);
  return port;
}

/** @throws InputError when there is no such bridge. */
export async function findBridge(rtnetlink: Rtnetlink, name: string): Promise<Link> {
  const bridge = await rtnetlink.link(name);
  if (bridge?.kind === 'bridge') return bridge;
  const problem = bridge === undefined ? 'does not exist' : 'is no bridge';
  throw new InputError(`bridge ${quote(name)} ${problem}; make it, or correct bridge= in the vif spec`);
}

/** The MTU of a vif: its spec's, else its bridge's. @throws InputError */
export function portMtu({ mtu, backendPath }: VifRecord, bridge: Link): number {
  if (mtu === undefined || mtu === '') return bridge.mtu;
  return readKey(`${backendPath}/mtu`, () => parseMtu(mtu));
}
