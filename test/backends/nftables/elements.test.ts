import test, { type ExecutionContext } from 'ava';
import { parsePrefix } from '../../../src/address/ip.ts';
import { hostTable } from '../../../src/backends/nftables/host-table.ts';
import { NOTHING_PRESENT, rebuildScript } from '../../../src/backends/nftables/script.ts';
import { device, type Elements, TABLE, type Table } from '../../../src/backends/nftables/table.ts';
import { kernelTable } from '../../../src/backends/nftables/tools.ts';
import type { ElementChange } from '../../../src/netlink/set-elements.ts';
import { Namespace } from '../../netlink/namespace.ts';
import { hostWith, policy } from '../host.ts';
import { FORMS } from './forms.ts';

const BRIDGE = kernelTable(TABLE);

/** Not the npm package that is called so, too. */
const NFT = '/usr/sbin/nft';

/** A table as nft has written it, in a network namespace of its own. */
async function written(t: ExecutionContext, table: Table): Promise<Namespace> {
  const namespace = await Namespace.open();
  t.teardown(() => namespace.close());
  await namespace.run(`${NFT} -f -`, rebuildScript(table, NOTHING_PRESENT));
  return namespace;
}

/** All that nft lists, without handles and the order of elements. */
async function listed(namespace: Namespace): Promise<readonly string[]> {
  const { nftables } = await namespace.json<{ nftables: Record<string, Record<string, unknown>>[] }>(
    `${NFT} -j list ruleset`,
  );
  return nftables.map((object) => {
    const [[kind, { handle: _, elem, ...rest }] = ['', {}]] = Object.entries(object) as [
      [string, { handle?: number; elem?: unknown[] }],
    ];
    return JSON.stringify([kind, rest, elem?.map((element) => JSON.stringify(element)).sort()]);
  });
}

function changes(verb: ElementChange['verb'], elements: Elements): ElementChange[] {
  return [...elements].map(([set, list]) => ({ verb, set, elements: list }));
}

const GUESTS = Object.fromEntries(
  Object.entries(FORMS).map(([name, form], id) => [name, policy(id + 1, form)]),
);

test('elements that we send are those that nft sends, for every form of policy, and those that we delete are gone', async (t) => {
  const { elements, ...shared } = hostTable(hostWith(GUESTS));
  const base = hostTable(hostWith({})).elements;
  const ours = new Map([...elements].filter(([set]) => !base.has(set)));
  const [empty, full] = [
    { ...shared, elements: base },
    { ...shared, elements },
  ];
  const [changed, whole] = await Promise.all([written(t, empty), written(t, full)]);
  const before = await listed(changed);
  await changed.rtnetlink.changeElements(BRIDGE, changes('add', ours));
  t.deepEqual(await listed(changed), await listed(whole));
  await changed.rtnetlink.changeElements(BRIDGE, changes('delete', ours));
  t.deepEqual(await listed(changed), before);
});

test('more of them than one message holds', async (t) => {
  const addresses = Array.from({ length: 1000 }, (_, at) =>
    parsePrefix(`2001:db8::${(at + 1).toString(16)}`),
  );
  const table = hostTable(hostWith({ web: policy(1, { ipv6: addresses }) }));
  const [full, whole] = await Promise.all([written(t, { ...table, elements: new Map() }), written(t, table)]);
  await full.rtnetlink.changeElements(BRIDGE, changes('add', table.elements));
  t.deepEqual(await listed(full), await listed(whole));
});

test('of changes that the kernel refuses, nothing is done', async (t) => {
  const namespace = await written(t, hostTable(hostWith(GUESTS)));
  const before = await listed(namespace);
  const isolated = (index: number) => ({ set: 'isolated', elements: [{ key: [device(index)] }] });
  const jumping = [{ key: [device(4711)], jump: 'class-000000000000/to-dom0' }];
  const fine: ElementChange = { verb: 'add', ...isolated(4712) };
  const refused: Readonly<Record<string, ElementChange>> = {
    'a deletion of what is not there': { verb: 'delete', ...isolated(4711) },
    'a set that is not there': { ...isolated(4711), verb: 'add', set: 'class-000000000000/from/0' },
    'a key that is too short': { verb: 'add', set: 'isolated', elements: [{ key: [] }] },
    'a chain that is not there': { verb: 'add', set: 'to-dom0', elements: jumping },
  };
  for (const [what, change] of Object.entries(refused)) {
    for (const order of [
      [change, fine],
      [fine, change],
    ]) {
      const error = await t.throwsAsync(namespace.rtnetlink.changeElements(BRIDGE, order), undefined, what);
      t.regex(error?.message ?? '', /^cannot change elements of nf_tables: (?:ENOENT|EINVAL)$/, what);
    }
    t.deepEqual(await listed(namespace), before, what);
  }
  await t.notThrowsAsync(namespace.rtnetlink.changeElements(BRIDGE, []));
  await t.notThrowsAsync(namespace.rtnetlink.changeElements(BRIDGE, [fine]));
  t.notDeepEqual(await listed(namespace), before);
});

test('without the table the kernel refuses them', async (t) => {
  const namespace = await Namespace.open();
  t.teardown(() => namespace.close());
  t.false(await namespace.rtnetlink.isTableThere(BRIDGE));
  const error = await t.throwsAsync(
    namespace.rtnetlink.changeElements(BRIDGE, changes('add', hostTable(hostWith(GUESTS)).elements)),
  );
  t.is(error?.message, 'cannot change elements of nf_tables: ENOENT');
  await namespace.run(`${NFT} -f -`, 'add table inet vifguard');
  t.false(await namespace.rtnetlink.isTableThere(BRIDGE));
  t.true(await namespace.rtnetlink.isTableThere({ ...BRIDGE, family: 1 }));
});
