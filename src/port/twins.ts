import type { Link } from '../netlink/link.ts';
import type { Rtnetlink } from '../netlink/rtnetlink.ts';
import type { GuardPolicy } from '../policy/guard-policy.ts';
import { bridgeLayer, joinBridge } from './bridge-layer.ts';
import { type PortRecord, policyOf, type Registry } from './registry.ts';

/** Another port of the same guest's MAC, on the same bridge. */
interface Twin {
  readonly link: Link;
  readonly policy: GuardPolicy;
}

/**
 * The twins of a port that are there: the other half of an HVM guest's vif; while the guest migrates
 * within the host, the vif that it leaves or comes to.
 */
export async function findTwins(
  rtnetlink: Rtnetlink,
  registry: Registry,
  { port, record }: { readonly port: string; readonly record: PortRecord },
): Promise<readonly Twin[]> {
  const { bridge, policy } = record;
  const others = Object.entries(registry.ports).filter(
    ([name, other]) => name !== port && other.bridge === bridge && other.policy.mac === policy.mac,
  );
  const twins: Twin[] = [];
  for (const [name, other] of others) {
    const link = await rtnetlink.link(name);
    if (link?.master) twins.push({ link, policy: policyOf(other) });
  }
  return twins;
}

/** One static FDB entry could be on one of them only, so all learn from now on. */
export async function openTwins(rtnetlink: Rtnetlink, twins: readonly Twin[]): Promise<void> {
  for (const { link, policy } of twins) {
    await setRight(rtnetlink, { link, policy }, true);
    const { pinned } = bridgeLayer(policy, false);
    for (const address of pinned) await rtnetlink.deleteFdb({ port: link.index, address });
  }
}

/** A port that is alone again: the bridge can hold it to its MAC. */
export async function lockLastTwin(rtnetlink: Rtnetlink, twins: readonly Twin[]): Promise<void> {
  const [last, ...others] = twins;
  if (last !== undefined && others.length === 0) await setRight(rtnetlink, last, false);
}

async function setRight(rtnetlink: Rtnetlink, { link, policy }: Twin, twin: boolean): Promise<void> {
  await joinBridge(rtnetlink, {
    port: { index: link.index, name: link.name, joined: true },
    bridge: link.master ?? 0,
    layer: bridgeLayer(policy, twin),
  });
}
