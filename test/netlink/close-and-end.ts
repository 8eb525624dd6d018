/** Uses an Rtnetlink, prints when it begins to close it, and ends. */
import { openRtnetlink } from '../../src/netlink/rtnetlink.ts';

const rtnetlink = await openRtnetlink();
await rtnetlink.link('lo');
process.stdout.write(String(Date.now()));
await rtnetlink.close();
