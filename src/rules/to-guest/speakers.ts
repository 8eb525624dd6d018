import { DISGUISED_DHCP_ANSWER, ICMPV6, only, PROTOCOL } from '../protocols.ts';
import { drop, pass, type Stage } from '../rule.ts';

/** Who speaks for the network is an uplink, dom0 or a guest with a role: never another guest. */
export const speakersIpv4: Stage<'speakers'> = {
  name: 'speakers',
  rules: [
    drop('dhcp-server', { fromPeer: true, protocol: PROTOCOL.udp, sourcePort: only(67) }),
    drop('dhcp-server', { fromPeer: true, protocol: PROTOCOL.udp, destinationPort: only(68) }),
    drop('dhcp-server', { fromPeer: true, ...DISGUISED_DHCP_ANSWER }),
    drop('redirect', { fromPeer: true, protocol: PROTOCOL.icmp, type: only(5) }),
    drop('router-advert', { fromPeer: true, protocol: PROTOCOL.icmp, type: only(9) }),
  ],
  otherwise: 'pass',
};

export const speakersIpv6: Stage<'speakers'> = {
  name: 'speakers',
  rules: [
    // The first fragment decides about later ones.
    pass({ protocol: 'later-fragment' }),
    drop('dhcp-server', { fromPeer: true, protocol: PROTOCOL.udp, sourcePort: only(547) }),
    drop('dhcp-server', { fromPeer: true, protocol: PROTOCOL.udp, destinationPort: only(546) }),
    drop('router-advert', {
      fromPeer: true,
      protocol: PROTOCOL.icmpv6,
      type: only(ICMPV6.routerAdvertisement),
    }),
    drop('redirect', { fromPeer: true, protocol: PROTOCOL.icmpv6, type: only(ICMPV6.redirect) }),
  ],
  otherwise: 'pass',
};
