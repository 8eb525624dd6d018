/** Of each family. */
const MANY = 500;

const inHalf = Array.from({ length: MANY }, (_, index) => index);

/** A thousand addresses of networks that are nobody else's; IPv6 every other one, so that no two make a prefix. */
export const MANY_IPV4 = inHalf.map((i) => `${i % 2 ? '198.51.100' : '203.0.113'}.${i >> 1}`);
export const MANY_IPV6 = inHalf.map((i) => `2001:db8:0:fffe::${(2 * i).toString(16)}`);
