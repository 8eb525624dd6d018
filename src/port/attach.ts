import type { Backend } from '../backends/backend.ts';
import { loadBridgeNetfilter } from '../backends/bridge-netfilter.ts';
import { loadBackend } from '../backends/load.ts';
import { plainDomainName } from '../config/domain-config.ts';
import type { HostConfig } from '../config/host-config.ts';
import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { policyToJson } from '../policy/serialize.ts';
import type { VifRecord } from '../xenstore/vif-record.ts';
import { bridgeLayer, joinBridge } from './bridge-layer.ts';
import { refuseConflict, refuseHostAddress } from './claims.ts';
import { close, closeLink, closeNamed } from './detach.ts';
import { deviceOf, indexOf, isPresent } from './device.ts';
import { guardedHost } from './guarded-host.ts';
import { hostAddresses } from './host-addresses.ts';
import { findBridge, findPort, portMtu, portName } from './port.ts';
import {
  backendOf,
  type PortKind,
  type PortRecord,
  portsAt,
  type Registry,
  readRegistry,
  twinOf,
  withBridge,
  withPort,
} from './registry.ts';
import { writeRegistry } from './write-registry.ts';

/** The steps of an attach, in their order. */
export const STEPS = ['find', 'close', 'claim', 'rename', 'filter', 'bridge', 'up'] as const;
export type Step = (typeof STEPS)[number];

export interface Attachment {
  readonly rtnetlink: Rtnetlink;
  readonly config: HostConfig;
  /** See stateDirectory. */
  readonly directory: string;
  readonly kind: PortKind;
  /** The interface as xl made it. */
  readonly device: string;
  readonly record: VifRecord;
  /** In the network namespace we are in. */
  readonly bridge: string;
  readonly policy: GuardPolicy;
  /** Called before each step; what it throws ends the attach there. */
  readonly checkpoint: (step: Step) => void;
}

/** What became of a port. */
export interface Attached {
  readonly port: string;
  readonly mtu: number;
}

/**
 * Guards a port and puts it on its bridge: filters first, then the bridge, then up. When it fails, the
 * caller detaches what is there by then. The caller holds the lock.
 *
 * @throws InputError for what the vif spec asks and cannot have; NetlinkError, FilterToolError.
 */
export async function attach(attachment: Attachment): Promise<Attached> {
  const { rtnetlink, policy, checkpoint } = attachment;
  checkpoint('find');
  const found = await find(attachment);
  const { name, port, bridge, mtu, backend } = found;
  checkpoint('close');
  if (found.registry.ports.isEmpty) await closeUnknown(rtnetlink, backend);
  const joined = await closeUnlessGuarded(rtnetlink, found);
  checkpoint('claim');
  const claimed = claim(attachment, found);
  checkpoint('rename');
  const change = { ...(port.name === name ? {} : { name }), ...(port.mtu === mtu ? {} : { mtu }) };
  if (Object.keys(change).length > 0) await rtnetlink.setLink(port.index, change);
  checkpoint('filter');
  await filter(attachment, found, claimed);
  checkpoint('bridge');
  const twin = twinOf(found.registry, found.entry);
  await joinBridge(rtnetlink, {
    port: { index: port.index, joined },
    bridge,
    layer: bridgeLayer(policy, twin !== undefined),
  });
  if (twin !== undefined) await openTwin(attachment, twin, bridge);
  checkpoint('up');
  await rtnetlink.setLink(port.index, { up: policy.mode !== 'disabled' });
  return { port: name, mtu };
}

/** What there is before anything is changed. */
interface Found {
  /** The name the port is to have. */
  readonly name: string;
  readonly port: Link;
  readonly bridge: Link;
  readonly mtu: number;
  /** Names the backend that is in charge. */
  readonly registry: Registry;
  readonly backend: Backend;
  readonly entry: PortRecord;
}

async function find(attachment: Attachment): Promise<Found> {
  const { rtnetlink, directory, kind, device, record, config } = attachment;
  const name = portName(record, kind, device);
  const before = readRegistry(directory);
  const known = before.ports.get(name);
  const former = known && (await deviceOf(rtnetlink, name, known));
  const guarded = known?.backendPath === record.backendPath ? former : undefined;
  const port = await findPort(rtnetlink, { device, name, guarded });
  const bridge = await findBridge(rtnetlink, attachment.bridge);
  const mtu = portMtu(record, bridge);
  const entry = portRecord(attachment, port);
  const forget = async (other: string) => {
    await close({ rtnetlink, directory, config, port: other });
    return readRegistry(directory);
  };
  const addresses = await hostAddresses(rtnetlink, bridge.index);
  refuseHostAddress({ port: name, record: entry, addresses });
  // A device is one port, and a port one device.
  const formerNames = portsAt(before, port.index).flatMap(([other]) => (other === name ? [] : [other]));
  const isReplaced = former !== undefined && former.index !== port.index;
  let current = before;
  for (const other of isReplaced ? [...formerNames, name] : formerNames) current = await forget(other);
  const others = await refuseConflict({
    registry: current,
    port: name,
    record: entry,
    isThere: (holder) => isPresent(rtnetlink, before, holder),
    forget,
  });
  const registry = { ...others, backend: backendOf(others, config.backend) };
  const backend = await loadBackend(registry.backend);
  if (backend.bridgeNetfilter) await loadBridgeNetfilter();
  return { name, port, bridge, mtu, registry, backend, entry };
}

function portRecord({ kind, bridge, record, policy }: Attachment, { index }: Link): PortRecord {
  return {
    kind,
    index,
    bridge,
    domid: record.domid,
    handle: record.handle,
    ...(record.domainName === undefined ? {} : { domain: plainDomainName(record.domainName) }),
    backendPath: record.backendPath,
    policy: policyToJson(policy),
  };
}

/**
 * Ports with rules and without a record, as the registry was lost. Nobody knows any more what their
 * guests may do, and the rules go when ours come.
 */
async function closeUnknown(rtnetlink: Rtnetlink, backend: Backend): Promise<void> {
  for (const port of await backend.ports()) await closeNamed(rtnetlink, port);
}

/** The device that is guarded there already stays up; any other is down and on no bridge until it is guarded. */
async function closeUnlessGuarded(
  rtnetlink: Rtnetlink,
  { name, port, bridge, registry, entry }: Found,
): Promise<boolean> {
  const known = registry.ports.get(name);
  const isSame = known?.backendPath === entry.backendPath && known.bridge === entry.bridge;
  const isIts = isSame && indexOf(name, known) === port.index && port.name === name;
  if (isIts && port.master === bridge.index) return true;
  await closeLink(rtnetlink, port);
  return false;
}

function claim({ directory }: Attachment, { name, bridge, registry, entry }: Found): Registry {
  const calledIp6tables =
    registry.bridges[bridge.name]?.calledIp6tables ?? bridge.bridge?.nfCallIp6tables ?? false;
  const record = { address: bridge.address, calledIp6tables };
  const claimed = withBridge(withPort(registry, name, entry), bridge.name, record);
  writeRegistry(directory, claimed);
  return claimed;
}

async function filter(attachment: Attachment, found: Found, claimed: Registry): Promise<void> {
  const { rtnetlink, config, directory } = attachment;
  const { name, bridge, registry, backend } = found;
  if (backend.bridgeNetfilter) await rtnetlink.setBridge(bridge.index, { nfCallIp6tables: true });
  await backend.applyPort({
    port: name,
    before: guardedHost(registry, config.untrustedPorts),
    after: guardedHost(claimed, config.untrustedPorts),
    directory,
  });
}

/** One static FDB entry could be on one of the two only, so both learn from now on. */
async function openTwin(
  { rtnetlink, policy }: Attachment,
  [twin, record]: readonly [string, PortRecord],
  bridge: Link,
): Promise<void> {
  const port = await deviceOf(rtnetlink, twin, record);
  // One whose own attach has not come so far has no filter yet.
  if (port === undefined || port.master !== bridge.index) return;
  await joinBridge(rtnetlink, {
    port: { index: port.index, joined: true },
    bridge,
    layer: bridgeLayer(policy, true),
  });
}
