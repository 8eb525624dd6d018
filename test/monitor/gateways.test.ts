import test from 'ava';
import { formatPrefix } from '../../src/address/ip.ts';
import { neighbourMacs, nextHops4, nextHops6 } from '../../src/monitor/gateways.ts';

// As Linux 6.18 prints them.
const ROUTE = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT                                                       
xenbr0	00000000	010200C0	0003	0	0	0	00000000	0	0	0                                                                               
xenbr0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0                                                                               
`;
const ROUTE6 = `20010db80000ffff0000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001   xenbr0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db80000ffff0000000000000001 00000400 00000001 00000000 00000003   xenbr0
`;
const ARP = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        xenbr0
192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        xenbr0
`;

test('next hops and their MACs are read from what the kernel prints', (t) => {
  t.deepEqual(nextHops4(ROUTE).map(formatPrefix), ['192.0.2.1']);
  t.deepEqual(nextHops6(ROUTE6).map(formatPrefix), ['2001:db8:0:ffff::1']);
  t.deepEqual([...neighbourMacs(ARP)], [['192.0.2.1', '02:00:00:00:00:01']]);
});
