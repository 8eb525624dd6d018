import { openRtnetlink, type Rtnetlink } from '../netlink/rtnetlink.ts';
import { XenstoreClient } from '../xenstore/client.ts';
import { type Deadline, eventDeadline, processAgeMs } from './deadline.ts';

/** The connections that an event is handled with. */
export interface Means {
  readonly deadline: Deadline;
  /** @throws XenstoreError when xenstored cannot be reached, and what `work` throws. */
  withStore<T>(work: (store: XenstoreClient) => Promise<T>): Promise<T>;
  /** @throws NetlinkError, and what `work` throws. */
  withRtnetlink<T>(work: (rtnetlink: Rtnetlink) => Promise<T>): Promise<T>;
}

/** For a process that ends with its event: everything is opened for one use. */
export function ownMeans(): Means {
  return {
    deadline: eventDeadline(processAgeMs()),
    async withStore(work) {
      const store = await XenstoreClient.open();
      try {
        return await work(store);
      } finally {
        store.close();
      }
    },
    async withRtnetlink(work) {
      const rtnetlink = await openRtnetlink();
      try {
        return await work(rtnetlink);
      } finally {
        await rtnetlink.close();
      }
    },
  };
}
