import { eui64LinkLocal, formatPrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import { DOM0, DOM0_LINK_LOCAL, GATEWAY, GATEWAY_LINK_LOCAL } from '../lab/segment.ts';

/** Whatever a frame may name as its sender or receiver. */
export interface Station {
  readonly mac: string;
  readonly ip: string;
  readonly ip6: string;
  readonly linkLocal: string;
}

/** How many guests share the bridge: each with a policy of its own, and each a witness of the others. */
export const GUESTS = 5;

/** The guests' domids. */
export const DOMIDS = Array.from({ length: GUESTS }, (_, index) => index + 1);

export function guestStation(domid: number): Station {
  const mac = `00:16:3e:00:0${domid}:00`;
  return {
    mac,
    ip: `192.0.2.4${domid}`,
    ip6: `2001:db8:0:ffff::4${domid}`,
    linkLocal: formatPrefix(eui64LinkLocal(parseMac(mac))),
  };
}

/** A further MAC that a guest may be granted. */
export function extraMac(domid: number): string {
  return `00:16:3e:00:0${domid}:ee`;
}

/** Blocks that a guest may be granted: no two guests' overlap. */
export function guestPrefixes(domid: number): readonly string[] {
  return [
    `198.51.100.${16 * domid}/28`,
    `203.0.113.${16 * domid + 8}`,
    `2001:db8:${domid}::/48`,
    `2001:db8:0:fffe::${domid}`,
    `fe80::${domid}:1`,
  ];
}

export const STRANGER: Station = {
  mac: '00:16:3e:66:66:66',
  ip: '192.0.2.66',
  ip6: '2001:db8:0:ffff::66',
  linkLocal: 'fe80::216:3eff:fe66:6666',
};

/** Who speaks through the uplink besides the gateway. */
export const SECOND_ROUTER: Station = {
  mac: '02:00:00:00:00:03',
  ip: '192.0.2.3',
  ip6: '2001:db8:0:ffff::3',
  linkLocal: 'fe80::ff:fe00:3',
};

export const VIRTUAL_ROUTER: Station = {
  mac: '00:00:5e:00:01:33',
  ip: '192.0.2.200',
  ip6: '2001:db8:0:ffff::200',
  linkLocal: 'fe80::200:5eff:fe00:233',
};

export const STATIONS: readonly Station[] = [
  ...DOMIDS.map(guestStation),
  { ...GATEWAY, linkLocal: GATEWAY_LINK_LOCAL },
  { ...DOM0, linkLocal: DOM0_LINK_LOCAL },
  SECOND_ROUTER,
  VIRTUAL_ROUTER,
  STRANGER,
];
