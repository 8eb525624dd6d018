/** Runs inside the network namespace of a test and makes the Rtnetlink calls it is told to. */
import { openNetns } from '../../src/netlink/netns.ts';
import { isTableThere } from '../../src/netlink/nftables-table.ts';
import { openRtnetlink } from '../../src/netlink/rtnetlink.ts';
import { changeElements } from '../../src/netlink/set-elements.ts';
import type { Call, Methods, Outcome } from './namespace.ts';

const rtnetlink = await openRtnetlink();

const methods: Methods = {
  link: (name) => rtnetlink.link(name),
  linkAt: (index) => rtnetlink.linkAt(index),
  links: (filter) => rtnetlink.links(filter),
  setLink: (index, change) => rtnetlink.setLink(index, change),
  setBridge: (index, change) => rtnetlink.setBridge(index, change),
  fdb: (filter) => rtnetlink.fdb(filter),
  findFdb: (key) => rtnetlink.findFdb(key),
  replaceFdb: (key) => rtnetlink.replaceFdb(key),
  deleteFdb: (key) => rtnetlink.deleteFdb(key),
  flushFdb: (port) => rtnetlink.flushFdb(port),
  vlans: (port) => rtnetlink.vlans(port),
  setAccessVlan: (key) => rtnetlink.setAccessVlan(key),
  deleteVlans: (vlans) => rtnetlink.deleteVlans(vlans),
  ipv4Addresses: () => rtnetlink.ipv4Addresses(),
  close: () => rtnetlink.close(),
  isTableThere: async (table) => isTableThere(table),
  changeElements,
  async moveToNetns(index, netns) {
    const handle = await openNetns(netns);
    await rtnetlink.setLink(index, { netnsFd: handle.fd });
    await handle.close();
  },
};

async function perform({ method, args }: Call): Promise<Outcome> {
  try {
    const call = methods[method] as (...args: unknown[]) => Promise<unknown>;
    return { result: await call(...args) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { error: { ...error, name: error.name, message: error.message } };
  }
}

process.on('message', async (call: Call) => {
  process.send?.({ id: call.id, outcome: await perform(call) });
});
process.send?.('ready');
