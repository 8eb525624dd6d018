import { loadBackend } from '../backends/load.ts';
import type { HostConfig } from '../config/host-config.ts';
import { loadBridgeNetfilter } from '../host/bridge-netfilter.ts';
import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { policyToJson } from '../policy/serialize.ts';
import type { VifRecord } from '../xenstore/vif-record.ts';
import { bridgeLayer, joinBridge } from './bridge-layer.ts';
import { refuseConflict } from './claims.ts';
import { close } from './detach.ts';
import { guardedHost, guardedPort } from './guarded-host.ts';
import { findBridge, findPort, portMtu, portName } from './port.ts';
import {
  backendOf,
  type PortKind,
  type PortRecord,
  type Registry,
  readRegistry,
  withBridge,
  withPort,
  writeRegistry,
} from './registry.ts';
import { type Checkpoint, runSteps } from './undo.ts';

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
  readonly checkpoint: Checkpoint;
}

/** What became of a port. */
export interface Attached {
  readonly port: string;
  readonly mtu: number;
}

/**
 * Guards a port and puts it on its bridge: filters first, then the bridge, then up. On any failure
 * the port ends down, on no bridge, with nothing of it left. The caller holds the lock.
 *
 * @throws InputError for what the vif spec asks and cannot have; NetlinkError, FilterToolError.
 */
export async function attach(attachment: Attachment): Promise<Attached> {
  const { rtnetlink, directory, kind, device, record, policy, config } = attachment;
  const name = portName(record, kind, device);
  const before = await readRegistry(directory);
  const known = before.ports[name];
  const entry = portRecord(attachment);
  const again = isSamePort(known, entry);
  const backendName = backendOf(before, config.backend);
  const backend = await loadBackend(backendName);
  const undo = () => close({ rtnetlink, directory, config, port: name, device });
  let port: Link | undefined;
  let bridge: Link | undefined;
  let mtu = 0;
  const found = () => ({ port: present(port), bridge: present(bridge) });
  await runSteps(
    [
      {
        name: 'find',
        undo,
        run: async () => {
          port = await findPort(rtnetlink, { device, name });
          bridge = await findBridge(rtnetlink, attachment.bridge);
          mtu = portMtu(record, bridge);
          refuseConflict(before, name, entry);
          if (backend.bridgeNetfilter) await loadBridgeNetfilter();
        },
      },
      {
        name: 'close',
        run: async () => {
          if (!again || present(port).master !== present(bridge).index) {
            await rtnetlink.setLink(present(port).index, { up: false });
            await rtnetlink.setLink(present(port).index, { master: 0 });
            port = { ...present(port), up: false, master: 0 };
          }
        },
      },
      {
        name: 'claim',
        run: async () => {
          const record = bridgeRecord(before, present(bridge));
          const claimed = withBridge(withPort(before, name, entry), attachment.bridge, record);
          await writeRegistry(directory, { ...claimed, backend: backendName });
        },
      },
      {
        name: 'rename',
        run: async () => {
          const { index, name: current } = present(port);
          await rtnetlink.setLink(index, { ...(current === name ? {} : { name }), mtu });
          port = { ...present(port), name };
        },
      },
      {
        name: 'filter',
        run: async () => {
          if (backend.bridgeNetfilter) {
            await rtnetlink.setBridge(present(bridge).index, { nfCallIp6tables: true });
          }
          const registry = await readRegistry(directory);
          await backend.applyPort({
            host: guardedHost(registry, config.untrustedPorts, name),
            port: name,
            before: known === undefined ? undefined : guardedPort(known),
            after: guardedPort(entry),
          });
        },
      },
      {
        name: 'bridge',
        run: async () => {
          const twin = twinOf(before, name, entry);
          await joinBridge(rtnetlink, { ...found(), layer: bridgeLayer(policy, twin !== undefined) });
          if (twin !== undefined) await openTwin(attachment, twin, present(bridge));
        },
      },
      {
        name: 'up',
        run: () => rtnetlink.setLink(present(port).index, { up: policy.mode !== 'disabled' }),
      },
    ],
    attachment.checkpoint,
  );
  return { port: name, mtu };
}

function present(link: Link | undefined): Link {
  if (link === undefined) throw new TypeError('the step "find" has not run');
  return link;
}

function portRecord({ kind, bridge, record, policy }: Attachment): PortRecord {
  return {
    kind,
    bridge,
    domid: record.domid,
    handle: record.handle,
    ...(record.domainName === undefined ? {} : { domain: record.domainName }),
    backendPath: record.backendPath,
    policy: policyToJson(policy),
  };
}

function isSamePort(known: PortRecord | undefined, entry: PortRecord): boolean {
  return known?.backendPath === entry.backendPath && known.bridge === entry.bridge;
}

function bridgeRecord(registry: Registry, bridge: Link): Registry['bridges'][string] {
  const calledIp6tables =
    registry.bridges[bridge.name]?.calledIp6tables ?? bridge.bridge?.nfCallIp6tables ?? false;
  return { address: bridge.address, calledIp6tables };
}

/** The other half of an HVM guest's vif. */
function twinOf(registry: Registry, name: string, entry: PortRecord): string | undefined {
  return Object.entries(registry.ports).find(
    ([port, other]) => port !== name && other.backendPath === entry.backendPath && other.kind !== entry.kind,
  )?.[0];
}

async function openTwin({ rtnetlink, policy }: Attachment, twin: string, bridge: Link): Promise<void> {
  const port = await rtnetlink.link(twin);
  if (port === undefined) return;
  const { pinned } = bridgeLayer(policy, false);
  await joinBridge(rtnetlink, { port, bridge, layer: bridgeLayer(policy, true) });
  for (const address of pinned) await rtnetlink.deleteFdb({ port: port.index, address });
}
