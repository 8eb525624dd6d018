import {
  ARP_REQUEST,
  arp,
  BROADCAST,
  type Bytes,
  ethernet,
  icmpEchoReply,
  icmpv6EchoReply,
  ipv4,
  ipv6,
  marker,
} from '../frames/index.ts';
import { Namespace } from './netns.ts';
import { Nic } from './nic.ts';
import type { Witness } from './witness.ts';

/** A station that the network trusts. */
export interface Host {
  readonly mac: string;
  readonly ip: string;
  readonly ip6: string;
}

export const GATEWAY: Host = { mac: '02:00:00:00:00:01', ip: '192.0.2.1', ip6: '2001:db8:0:ffff::1' };
export const DOM0: Host = { mac: '02:00:00:00:00:02', ip: '192.0.2.2', ip6: '2001:db8:0:ffff::2' };

/** The link-local addresses that the kernel makes of those MACs. */
export const GATEWAY_LINK_LOCAL = 'fe80::ff:fe00:1';
export const DOM0_LINK_LOCAL = 'fe80::ff:fe00:2';

// What reaches dom0's stack without the bridge device: group addresses 01:80:c2:00:00:0X are handed to the port.
export const PASSED_BY_THE_BRIDGE = ['0004', '0800', '0806', '86dd', '88cc', '888e', '8809'];

/** Of the lab's own namespaces: no DAD on addresses that are known to be unique. */
export const QUIET = {
  'net/ipv6/conf/all/accept_dad': '0',
  'net/ipv6/conf/default/accept_dad': '0',
  'net/ipv6/conf/default/dad_transmits': '0',
};

/** To whom a fence goes: a MAC, and an address the station surely may receive for. */
export interface FenceTarget {
  readonly mac: string;
  readonly ip?: string | undefined;
  readonly ip6?: string | undefined;
}

/** A bridge of dom0 with its uplink, and the gateway at the other end of it. */
export class Segment {
  readonly gateway: Gateway;
  /** dom0 itself, as the receiver of what the bridge gives it. */
  readonly dom0: Dom0;
  /** The dom0 end of the uplink. */
  readonly uplink: string;

  private constructor(
    readonly bridge: string,
    index: number,
    dom0: Namespace,
    gateway: Namespace,
  ) {
    this.uplink = `uplink${index}`;
    this.gateway = new Gateway(gateway, this);
    this.dom0 = new Dom0(dom0, this);
  }

  /** Builds the bridge in dom0; the first one (index 0) carries dom0's addresses. */
  static async start(dom0: Namespace, bridge: string, index: number): Promise<Segment> {
    const gateway = await Namespace.start(index === 0 ? 'gateway' : `gateway of ${bridge}`, QUIET);
    const segment = new Segment(bridge, index, dom0, gateway);
    await dom0.ip(
      `link add ${bridge} address ${DOM0.mac} type bridge`,
      `link add ${segment.uplink} type veth peer name eth0 address ${GATEWAY.mac} netns ${gateway.pid}`,
      `link set ${segment.uplink} addrgenmode none master ${bridge} up`,
      `link set ${bridge} up`,
      ...(index === 0 ? addresses(DOM0, bridge) : []),
    );
    await gateway.ip('link set eth0 up', ...addresses(GATEWAY, 'eth0'));
    return segment;
  }

  /** Sends a lawful frame from the gateway. */
  async sendFence(target: FenceTarget, mark: Bytes): Promise<void> {
    await this.gateway.nic.send(fenceFrame(GATEWAY, target, mark));
  }
}

function addresses(host: Host, iface: string): string[] {
  return [`addr add ${host.ip}/24 dev ${iface}`, `addr add ${host.ip6}/64 dev ${iface} nodad`];
}

/** An echo reply that nobody asked for: lawful, and no kernel answers it. */
function fenceFrame(from: Host, { mac, ip, ip6 }: FenceTarget, mark: Bytes): Bytes {
  const header = { src: from.mac, dst: mac };
  if (ip !== undefined) return ethernet(header, ipv4({ src: from.ip, dst: ip }, icmpEchoReply(mark)));
  if (ip6 !== undefined) return ethernet(header, ipv6({ src: from.ip6, dst: ip6 }, icmpv6EchoReply(mark)));
  const request = arp({ op: ARP_REQUEST, senderMac: from.mac, senderIp: from.ip, targetIp: from.ip });
  return ethernet({ ...header, dst: BROADCAST, trailer: mark }, request);
}

/** The trusted router behind a bridge's uplink. */
export class Gateway implements Witness {
  readonly name: string;
  readonly nic: Nic;

  constructor(
    readonly namespace: Namespace,
    readonly segment: Segment,
  ) {
    this.name = namespace.name;
    this.nic = new Nic(namespace, 'eth0');
  }

  capture() {
    return this.nic.capture();
  }

  /**
   * A frame from dom0 has one hop less to go than one from a guest and could overtake it; not so once a
   * frame to dom0 has arrived there, which was queued behind the guest's frame at its first hop.
   */
  async sendFence(mark: Bytes): Promise<void> {
    const { dom0 } = this.segment;
    const capture = await dom0.capture();
    const { cursor } = capture;
    const first = Buffer.from(marker());
    await dom0.sendFence(first);
    await capture.waitFor((frame) => Buffer.from(frame).includes(first), cursor);
    await dom0.nic.send(fenceFrame(DOM0, GATEWAY, mark));
  }
}

/** dom0 at a bridge: sees what the bridge hands up to dom0's own stack, and no more. */
export class Dom0 implements Witness {
  readonly name = 'dom0';
  readonly nic: Nic;

  constructor(
    readonly namespace: Namespace,
    readonly segment: Segment,
  ) {
    // The bridge device comes first: a fence seen there makes the round complete for the others.
    const sources = [`${segment.bridge}=own`, ...PASSED_BY_THE_BRIDGE.map((type) => `*=${type}`)];
    this.nic = new Nic(namespace, segment.bridge, sources);
  }

  capture() {
    return this.nic.capture();
  }

  async sendFence(mark: Bytes): Promise<void> {
    await this.segment.sendFence(DOM0, mark);
  }
}
