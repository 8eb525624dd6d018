import { type Attributes, type Fields, flag, readFields, u8, u16, u32 } from './attributes.ts';
import { MalformedMessageError } from './error.ts';

/** A port's spanning tree state, by bridge(8)'s names. */
const PORT_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'] as const;
export type PortState = (typeof PORT_STATES)[number];

/**
 * What a bridge keeps for each of its ports (IFLA_BRPORT_*, net/bridge/br_netlink.c), by the
 * names of bridge(8)'s link options.
 */
export interface BridgePortAttributes extends BridgePortSettings {
  /** Read only: without a spanning tree the kernel decides it. */
  state: PortState;
}

/** Those attributes of a bridge port that can be set. */
export interface BridgePortSettings {
  priority: number;
  cost: number;
  hairpin: boolean;
  /** BPDU guard: a BPDU disables the port. */
  guard: boolean;
  /** The port never leads to the root bridge (IFLA_BRPORT_PROTECT). */
  rootBlock: boolean;
  fastLeave: boolean;
  learning: boolean;
  /** Whether unicast to an unknown address goes out here. */
  flood: boolean;
  mcastFlood: boolean;
  bcastFlood: boolean;
  mcastToUnicast: boolean;
  /** 0 never a multicast router, 1 when queries are seen, 2 always, 3 for a while. */
  mcastRouter: number;
  /** The group addresses 01:80:c2:00:00:0X that are forwarded, one bit each. */
  groupFwdMask: number;
  neighSuppress: boolean;
  proxyArp: boolean;
  isolated: boolean;
  /** Frames only from sources that have an FDB entry here. Linux 5.16. */
  locked: boolean;
}

export const BRIDGE_PORT: Fields<BridgePortSettings> = {
  priority: u16(2),
  cost: u32(3),
  hairpin: flag(4),
  guard: flag(5),
  rootBlock: flag(6),
  fastLeave: flag(7),
  learning: flag(8),
  flood: flag(9),
  proxyArp: flag(10),
  mcastRouter: u8(25),
  mcastFlood: flag(27),
  mcastToUnicast: flag(28),
  bcastFlood: flag(30),
  groupFwdMask: u16(31),
  neighSuppress: flag(32),
  isolated: flag(33),
  locked: flag(39),
};

const IFLA_BRPORT_STATE = u8(1);

/** Reads the attributes of a port. @throws MalformedMessageError */
export function readBridgePort(attributes: Attributes): Partial<BridgePortAttributes> {
  const settings = readFields(BRIDGE_PORT, attributes);
  const value = attributes.get(IFLA_BRPORT_STATE.type);
  if (value === undefined) return settings;
  const number = IFLA_BRPORT_STATE.read(value);
  const state = PORT_STATES[number];
  if (state === undefined) throw new MalformedMessageError(`a bridge port in state ${number}`);
  return { ...settings, state };
}

/** Asks a port to forget what it learned; entries of other kinds stay. */
export const IFLA_BRPORT_FLUSH = 24;
