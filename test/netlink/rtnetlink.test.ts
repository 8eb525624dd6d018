import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { execa } from 'execa';
import { formatPrefix } from '../../src/address/ip.ts';
import { parseMac } from '../../src/address/mac.ts';
import type { BridgePortSettings } from '../../src/netlink/bridge-port.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import { parseIfInet6 } from '../../src/netlink/ip-address.ts';
import type { Link } from '../../src/netlink/link.ts';
import { linkIndexOf } from '../../src/netlink/link-index.ts';
import { Namespace } from './namespace.ts';

let namespace: Namespace;
let made = 0;

test.before(async () => {
  namespace = await Namespace.open();
});
test.after.always(() => namespace?.close());

const MAC = parseMac('00:16:3e:38:b4:ac');
const OTHER_MAC = parseMac('00:16:3e:00:00:01');

/** `ip -j -d link` says more than this; tests name what they look at. */
interface IpLink {
  ifname: string;
  flags: string[];
  operstate: string;
  mtu: number;
  address: string;
  ifalias?: string;
  master?: string;
  linkinfo: { info_data?: Record<string, unknown>; info_slave_data?: Record<string, unknown> };
}

async function ipLink(name: string): Promise<IpLink> {
  const [link] = await namespace.json<[IpLink]>(`ip -j -d link show ${name}`);
  return link;
}

async function found(name: string): Promise<Link> {
  const link = await namespace.rtnetlink.link(name);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
}

/** A bridge and a veth that is not yet its port. */
async function bridgeAndVeth(): Promise<{ bridge: Link; veth: Link }> {
  const n = ++made;
  await namespace.run(`ip link add br${n} type bridge`);
  await namespace.run(`ip link add vif${n} type veth peer name peer${n}`);
  await namespace.run(`ip link set br${n} up`);
  return { bridge: await found(`br${n}`), veth: await found(`vif${n}`) };
}

/** A bridge and a port of it, both up and forwarding. */
async function bridgeAndPort(): Promise<{ bridge: Link; port: Link }> {
  const { bridge, veth } = await bridgeAndVeth();
  await join(bridge, veth);
  return { bridge, port: await found(veth.name) };
}

async function join(bridge: Link, veth: Link): Promise<void> {
  await namespace.run(`ip link set ${veth.name} master ${bridge.name} up`);
  await namespace.run(`ip link set ${veth.name.replace('vif', 'peer')} up`);
  // The bridge sees the port's carrier a moment later.
  while (!(await namespace.run(`bridge link show dev ${veth.name}`)).includes('state forwarding'))
    await sleep(5);
}

/** Those fields of `actual` that `expected` has. */
function pick(actual: object | undefined, expected: object): object {
  const wanted = Object.entries(actual ?? {}).filter(([key]) => key in expected);
  return Object.fromEntries(wanted);
}

interface NetlinkFailure extends Error {
  errno: string;
  interface: string;
  operation: string;
  kernelMessage?: string;
}

async function failure(
  t: { fail(message: string): never },
  action: Promise<unknown>,
): Promise<NetlinkFailure> {
  try {
    await action;
  } catch (error) {
    if (error instanceof Error && error.name === NetlinkError.name) return error as NetlinkFailure;
    throw error;
  }
  return t.fail('no NetlinkError');
}

test('a link is read as ip(8) shows it', async (t) => {
  const { bridge, veth } = await bridgeAndVeth();
  const shown = await ipLink(veth.name);
  t.is(veth.mtu, shown.mtu);
  t.is(veth.address, shown.address);
  t.is(veth.up, false);
  t.is(veth.kind, 'veth');
  t.is(veth.master, undefined);
  t.is(veth.port, undefined);
  t.is(bridge.kind, 'bridge');
  t.is(bridge.up, true);
  const { nf_call_iptables } = (await ipLink(bridge.name)).linkinfo.info_data ?? {};
  t.is(bridge.bridge?.nfCallIptables, nf_call_iptables === 1);
});

test('a link that does not exist, or cannot, is undefined', async (t) => {
  t.is(await namespace.rtnetlink.link('none'), undefined);
  t.is(await namespace.rtnetlink.link('a-name-of-more-than-15-bytes'), undefined);
  t.is(await namespace.rtnetlink.link('lo\0'), undefined);
  t.is(await namespace.rtnetlink.link(''), undefined);
});

test('a link is found by its index, whatever its name is by then', async (t) => {
  const { veth } = await bridgeAndVeth();
  await namespace.run(`ip link set ${veth.name} name other${veth.index}`);
  t.like(await namespace.rtnetlink.linkAt(veth.index), { index: veth.index, name: `other${veth.index}` });
  t.is(await namespace.rtnetlink.linkAt(2 ** 31 - 1), undefined);
});

test('the index of a link is found by its name, without waiting', (t) => {
  t.is(linkIndexOf('lo'), 1);
  for (const name of ['vifguard-none', '', '.', 'longer-than-any-name', 'a b'])
    t.is(linkIndexOf(name), undefined);
});

test('one message changes name, MTU, address, alias and brings the link up', async (t) => {
  const { veth } = await bridgeAndVeth();
  const name = `${veth.name}-new`;
  const change = { up: true, name, mtu: 1400, address: MAC, alias: 'guest "a"' };
  await namespace.rtnetlink.setLink(veth.index, change);
  const shown = await ipLink(name);
  t.true(shown.flags.includes('UP'));
  t.is(shown.mtu, 1400);
  t.is(shown.address, MAC);
  t.is(shown.ifalias, 'guest "a"');
  t.like(await found(name), change);

  await namespace.rtnetlink.setLink(veth.index, { up: false, alias: '' });
  t.false((await ipLink(name)).flags.includes('UP'));
  t.is((await found(name)).alias, undefined);
});

const GUARDED = {
  isolated: true,
  locked: true,
  learning: false,
  flood: false,
  guard: true,
  rootBlock: true,
  mcastRouter: 0,
  groupFwdMask: 0xfff8,
} satisfies Partial<BridgePortSettings>;

test('a link joins its bridge guarded and up in one call', async (t) => {
  const { bridge, veth } = await bridgeAndVeth();
  await namespace.rtnetlink.setLink(veth.index, { master: bridge.index, up: true, port: GUARDED });
  const shown = await ipLink(veth.name);
  t.is(shown.master, bridge.name);
  t.true(shown.flags.includes('UP'));
  t.like(shown.linkinfo.info_slave_data, {
    isolated: true,
    locked: true,
    learning: false,
    flood: false,
    guard: true,
    root_block: true,
    multicast_router: 0,
    group_fwd_mask: '0xfff8',
  });
  const port = await found(veth.name);
  t.is(port.master, bridge.index);
  t.like(port.port, GUARDED);
});

test('a link whose port attributes are refused stays down', async (t) => {
  const { bridge, veth } = await bridgeAndVeth();
  const change = { master: bridge.index, up: true, port: { groupFwdMask: 0xffff } };
  const error = await failure(t, namespace.rtnetlink.setLink(veth.index, change));
  t.is(error.errno, 'EINVAL');
  t.false((await ipLink(veth.name)).flags.includes('UP'));
});

/** Every port attribute with a value that is not its default, and how ip(8) shows it. */
const PORT_ATTRIBUTES: [Partial<BridgePortSettings>, Record<string, unknown>][] = [
  [{ hairpin: true }, { hairpin: true }],
  [{ guard: true }, { guard: true }],
  [{ rootBlock: true }, { root_block: true }],
  [{ fastLeave: true }, { fastleave: true }],
  [{ learning: false }, { learning: false }],
  [{ flood: false }, { flood: false }],
  [{ mcastFlood: false }, { mcast_flood: false }],
  [{ bcastFlood: false }, { bcast_flood: false }],
  [{ mcastToUnicast: true }, { mcast_to_unicast: true }],
  [{ mcastRouter: 2 }, { multicast_router: 2 }],
  [{ groupFwdMask: 0x4000 }, { group_fwd_mask: '0x4000' }],
  [{ neighSuppress: true }, { neigh_suppress: true }],
  [{ proxyArp: true }, { proxy_arp: true }],
  [{ isolated: true }, { isolated: true }],
  [{ locked: true }, { locked: true }],
];

test('every port attribute alone is set in the kernel, and read back', async (t) => {
  const { port } = await bridgeAndPort();
  for (const [change, shown] of PORT_ATTRIBUTES) {
    t.notDeepEqual(pick(port.port, change), change);
    await namespace.rtnetlink.setLink(port.index, { port: change });
    t.like((await ipLink(port.name)).linkinfo.info_slave_data, shown);
    t.like((await found(port.name)).port, change);
  }
});

test('leaving the bridge drops membership and port attributes', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  await namespace.rtnetlink.setLink(port.index, { port: { isolated: true } });
  await namespace.rtnetlink.setLink(port.index, { master: 0 });
  t.is((await found(port.name)).master, undefined);
  t.is((await found(port.name)).port, undefined);
  await namespace.rtnetlink.setLink(port.index, { master: bridge.index });
  t.is((await found(port.name)).port?.isolated, false);
});

test('nf_call_ip6tables is set on one bridge only', async (t) => {
  const { bridge } = await bridgeAndVeth();
  const { bridge: other } = await bridgeAndVeth();
  const before = bridge.bridge?.nfCallIp6tables;
  t.not(before, undefined);
  await namespace.rtnetlink.setBridge(bridge.index, { nfCallIp6tables: !before });
  t.is((await ipLink(bridge.name)).linkinfo.info_data?.nf_call_ip6tables, before ? 0 : 1);
  t.is((await found(bridge.name)).bridge?.nfCallIp6tables, !before);
  t.is((await found(other.name)).bridge?.nfCallIp6tables, before);
});

test('links are filtered by bridge and by kind', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  const { port: elsewhere } = await bridgeAndPort();
  const names = (links: Link[]) => links.map((link) => link.name);
  t.deepEqual(names(await namespace.rtnetlink.links({ master: bridge.index })), [port.name]);
  const bridges = await namespace.rtnetlink.links({ kind: 'bridge' });
  t.true(names(bridges).includes(bridge.name));
  t.true(bridges.every((link) => link.kind === 'bridge'));
  t.true(names(await namespace.rtnetlink.links()).includes(elsewhere.name));
  t.deepEqual(await namespace.rtnetlink.links({ kind: 'no-such-kind' }), []);
});

test('many links are listed completely, while they change, by calls at the same time', async (t) => {
  const { bridge } = await bridgeAndVeth();
  const count = 120;
  const lines = Array.from({ length: count }, (_, i) => `link add many${i} master ${bridge.name} type veth`);
  await namespace.run('ip -batch -', lines.join('\n'));
  const lists = await Promise.all(
    Array.from({ length: 5 }, async (_, i) => {
      await namespace.run(`ip link set many${i} up`);
      return namespace.rtnetlink.links({ master: bridge.index });
    }),
  );
  for (const links of lists) t.is(new Set(links.map((link) => link.index)).size, count);
});

test('a static FDB entry is made, replaces a learned one, and is removed', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  const fdb = { port: port.index };
  await namespace.run(`bridge fdb add ${MAC} dev ${port.name} master dynamic`);
  const entry = async () => (await namespace.rtnetlink.fdb(fdb)).filter((e) => e.address === MAC);
  t.like(await entry(), [{ state: 'dynamic' }]);

  await namespace.rtnetlink.replaceFdb({ port: port.index, address: MAC });
  t.deepEqual(await entry(), [
    {
      address: MAC,
      port: port.index,
      master: bridge.index,
      state: 'static',
      self: false,
      sticky: true,
    },
  ]);
  const shown = await namespace.json<{ mac: string; state: string }[]>(`bridge -j fdb show dev ${port.name}`);
  t.like(
    shown.find((e) => e.mac === MAC),
    { state: 'static', master: bridge.name },
  );

  await namespace.rtnetlink.deleteFdb({ port: port.index, address: MAC });
  t.deepEqual(await entry(), []);
  await namespace.rtnetlink.deleteFdb({ port: port.index, address: MAC });
});

test('an FDB entry moves from one port to another', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  const { veth } = await bridgeAndVeth();
  await namespace.rtnetlink.setLink(veth.index, { master: bridge.index });
  await namespace.rtnetlink.replaceFdb({ port: port.index, address: MAC });
  await namespace.rtnetlink.replaceFdb({ port: veth.index, address: MAC });
  const entries = await namespace.rtnetlink.fdb({ master: bridge.index });
  t.deepEqual(
    entries.filter((e) => e.address === MAC).map((e) => e.port),
    [veth.index],
  );
});

test('the FDB of a bridge holds its own addresses, permanent, and only its ports', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  const { port: elsewhere } = await bridgeAndPort();
  await namespace.rtnetlink.replaceFdb({ port: elsewhere.index, address: OTHER_MAC });
  const entries = await namespace.rtnetlink.fdb({ master: bridge.index });
  t.like(
    entries.find((e) => e.address === port.address && e.port === port.index),
    { state: 'permanent', master: bridge.index },
  );
  t.false(entries.some((e) => e.address === OTHER_MAC));
  t.false(entries.some((e) => e.port === elsewhere.index));
});

test('a flush drops what a port learned and keeps its static entry', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  const { veth } = await bridgeAndVeth();
  await join(bridge, veth);
  const elsewhere = '00:16:3e:00:00:02';
  await namespace.run(`bridge fdb add ${OTHER_MAC} dev ${port.name} master dynamic`);
  await namespace.run(`bridge fdb add ${elsewhere} dev ${veth.name} master dynamic`);
  await namespace.rtnetlink.replaceFdb({ port: port.index, address: MAC });
  await namespace.rtnetlink.flushFdb(port.index);
  const entries = await namespace.rtnetlink.fdb({ master: bridge.index });
  const addresses = entries.map((e) => e.address);
  t.true(addresses.includes(MAC));
  t.true(addresses.includes(elsewhere));
  t.false(addresses.includes(OTHER_MAC));
});

test('VLANs are as bridge(8) lists them: none where the kernel does not filter them', async (t) => {
  const { bridge, port } = await bridgeAndPort();
  const { rtnetlink } = namespace;
  const listed = async () => {
    type Listed = { ifname: string; vlans: { vlan: number; vlanEnd?: number; flags?: string[] }[] };
    const all = await namespace.json<Listed[]>('bridge -j -compressvlans vlan show');
    return (all.find(({ ifname }) => ifname === port.name)?.vlans ?? []).map(
      ({ vlan, vlanEnd, flags = [] }) => ({
        port: port.index,
        first: vlan,
        last: vlanEnd ?? vlan,
        pvid: flags.includes('PVID'),
        untagged: flags.includes('Egress Untagged'),
      }),
    );
  };
  t.deepEqual(await rtnetlink.vlans(port.index), await listed());
  if (bridge.bridge?.vlanDefaultPvid === undefined) {
    t.deepEqual(await rtnetlink.vlans(), []);
    return;
  }
  await rtnetlink.setAccessVlan({ port: port.index, vid: 10 });
  await namespace.run(`bridge vlan add dev ${port.name} vid 20-29`);
  const [old, , range] = await rtnetlink.vlans(port.index);
  t.deepEqual(await rtnetlink.vlans(port.index), await listed());
  t.deepEqual(
    (await listed()).map(({ first, pvid, untagged }) => [first, pvid, untagged]),
    [
      [1, false, true],
      [10, true, true],
      [20, false, false],
    ],
  );
  for (const vlans of [old, range]) if (vlans !== undefined) await rtnetlink.deleteVlans(vlans);
  t.deepEqual(
    (await listed()).map(({ first, last }) => [first, last]),
    [[10, 10]],
  );
});

test('a link moves to a named network namespace', async (t) => {
  const { veth } = await bridgeAndVeth();
  const netns = `vifguard-test-${process.pid}`;
  await execa('ip', ['netns', 'add', netns]);
  t.teardown(() => execa('ip', ['netns', 'delete', netns]));
  await namespace.rtnetlink.moveToNetns(veth.index, netns);
  t.is(await namespace.rtnetlink.link(veth.name), undefined);
  const { stdout } = await execa('ip', ['-n', netns, '-br', 'link', 'show', veth.name]);
  t.true(stdout.startsWith(veth.name));
});

test('an error names the operation, the interface, the error number and the kernel’s text', async (t) => {
  const { bridge, veth } = await bridgeAndVeth();
  const gone = await failure(t, namespace.rtnetlink.setLink(999_999, { up: true }));
  t.like(gone, { errno: 'ENODEV', interface: 'interface 999999', operation: 'change link' });

  const { bridge: other } = await bridgeAndVeth();
  const loop = await failure(t, namespace.rtnetlink.setLink(other.index, { master: bridge.index }));
  const kernelMessage = 'Can not enslave a bridge to a bridge';
  t.like(loop, { errno: 'ELOOP', interface: other.name, kernelMessage });
  t.is(loop.message, `cannot change link ${other.name}: ELOOP ("${kernelMessage}")`);

  const taken = await failure(t, namespace.rtnetlink.setLink(veth.index, { name: bridge.name }));
  t.is(taken.errno, 'EEXIST');
  const noPort = await failure(t, namespace.rtnetlink.setLink(veth.index, { port: { isolated: true } }));
  t.is(noPort.errno, 'EOPNOTSUPP');
  const noBridge = await failure(t, namespace.rtnetlink.fdb({ master: 999_999 }));
  t.is(noBridge.errno, 'ENODEV');
});

test('a bridge that is full is named so', async (t) => {
  const own = await Namespace.open();
  t.teardown(() => own.close());
  const pairs = Array.from({ length: 512 }, (_, i) => [
    `link add left${i} type veth peer name right${i}`,
    `link set left${i} master full`,
    ...(i === 0 ? [] : [`link set right${i} master full`]),
  ]);
  await own.run('ip -batch -', ['link add full type bridge', ...pairs.flat()].join('\n'));
  const [full, last] = await Promise.all(['full', 'right0'].map((name) => own.rtnetlink.link(name)));
  const error = await failure(t, own.rtnetlink.setLink(last?.index ?? 0, { master: full?.index ?? 0 }));
  t.is(
    error.message,
    'cannot change link right0: EXFULL; its bridge has 1023 ports, as many as a bridge can have; give the guest another',
  );
});

test('a value that does not fit is refused before the kernel sees it', async (t) => {
  const { veth } = await bridgeAndVeth();
  const set = (change: Parameters<typeof namespace.rtnetlink.setLink>[1]) =>
    t.throwsAsync(namespace.rtnetlink.setLink(veth.index, change), { name: 'InputError' });
  await set({ mtu: -1 });
  await set({ mtu: 2 ** 32 });
  await set({ name: 'a/b' });
  await set({ name: 'vif1.0\0' });
  await set({ port: { mcastRouter: 256 } });
});

test('the IP addresses of all links, of those that are down, too, and link-local ones of one', async (t) => {
  const { bridge, veth } = await bridgeAndVeth();
  for (const address of ['192.0.2.2/24', '198.51.100.1 peer 203.0.113.1', '2001:db8::2/64'])
    await namespace.run(`ip addr add ${address} dev ${bridge.name}`);
  await namespace.run(`ip addr add 192.0.2.3/32 dev ${veth.name}`);
  await namespace.run(`ip addr add fe80::2/64 dev ${bridge.name} nodad`);
  await namespace.run(`ip addr add fe80::3/64 dev ${veth.name} nodad`);
  const ipv6 = parseIfInet6(await namespace.run('cat /proc/self/net/if_inet6'), bridge.index);
  const addresses = [...(await namespace.rtnetlink.ipv4Addresses()), ...ipv6].map(formatPrefix);
  for (const address of ['192.0.2.2', '198.51.100.1', '2001:db8::2', 'fe80::2', '192.0.2.3'])
    t.is(addresses.filter((each) => each === address).length, 1, address);
  for (const other of ['203.0.113.1', 'fe80::3']) t.false(addresses.includes(other), other);
});
