import { networkInterfaces } from 'node:os';
import { type IpPrefix, isHost, parsePrefix, prefixContains } from '../address/ip.ts';
import { type Identifier, identifierText } from '../model/claim.ts';
import { listedIn, macsOf } from '../policy/identity.ts';
import { guestName, policyOf, type Registry } from '../port/registry.ts';
import { grantedLinkLocals } from '../rules/identity.ts';
import type { Gateway } from './gateways.ts';

/** Who holds a MAC or an address. */
interface Holder {
  readonly name: string;
  /** Its port, if it is a guest. */
  readonly port?: string;
  /** Its bridge, where that is known. */
  readonly bridge?: string;
}

/** The port whose frame is explained: its own guest is never named as holder; holders on its bridge come first. */
export interface Subject {
  readonly port: string;
  readonly bridge: string | undefined;
}

/** Whom MACs and addresses belong to: guests that are attached, dom0, and the routers that it knows. */
export class Holders {
  readonly #exact = new Map<string, Holder[]>();
  readonly #blocks: (readonly [IpPrefix, Holder])[] = [];

  constructor(registry: Registry, dom0: readonly Identifier[], gateways: readonly Gateway[]) {
    for (const [port, record] of registry.ports) {
      const policy = policyOf(record);
      // What link-local=any grants is nobody's own.
      const linkLocals = policy.linkLocal === 'any' ? [] : grantedLinkLocals(policy);
      const identity = [...macsOf(policy), ...listedIn(policy), ...linkLocals];
      this.#add({ name: guestName(record), port, bridge: record.bridge }, identity);
    }
    for (const [bridge, { address }] of Object.entries(registry.bridges)) {
      this.#add({ name: 'dom0', bridge }, [address]);
    }
    this.#add({ name: 'dom0' }, dom0);
    for (const { address, mac } of gateways) {
      this.#add({ name: 'gateway' }, mac === undefined ? [address] : [address, mac]);
    }
  }

  /** The name of the holder; undefined when none is known. */
  holderOf(identifier: Identifier, subject: Subject): string | undefined {
    const exact = this.#exact.get(identifierText(identifier)) ?? [];
    const others = [...exact, ...this.#aroundOf(identifier)].filter(({ port }) => port !== subject.port);
    return (others.find(({ bridge }) => bridge === subject.bridge) ?? others[0])?.name;
  }

  #aroundOf(identifier: Identifier): Holder[] {
    if (typeof identifier === 'string') return [];
    return this.#blocks.flatMap(([block, holder]) => (prefixContains(block, identifier) ? [holder] : []));
  }

  #add(holder: Holder, identity: readonly Identifier[]): void {
    for (const identifier of identity) {
      const key = identifierText(identifier);
      if (typeof identifier === 'string' || isHost(identifier)) {
        this.#exact.set(key, [...(this.#exact.get(key) ?? []), holder]);
      } else {
        this.#blocks.push([identifier, holder]);
      }
    }
  }
}

/** dom0's own MACs and addresses, in the network namespace that we are in. */
export function ownIdentity(): Identifier[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((list = []) => list);
  return interfaces
    .filter(({ internal }) => !internal)
    .flatMap(({ mac, address }) => [mac, parsePrefix(address)]);
}
