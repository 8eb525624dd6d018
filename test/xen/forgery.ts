import * as f from '../frames/index.ts';
import { GATEWAY } from '../lab/segment.ts';
import type { Guest } from './guest.ts';
import { STRANGER, WEB } from './stations.ts';

const arp = (op: number, senderIp: string) =>
  f.arp({ op, senderMac: WEB.mac, senderIp, targetIp: GATEWAY.ip });

/** What no guest may send that is WEB, in Ethernet. */
export const FORGERIES: Readonly<Record<string, f.Bytes>> = {
  'from a MAC of its own making': f.ethernet({ src: STRANGER, dst: f.BROADCAST }, arp(f.ARP_REQUEST, WEB.ip)),
  "an ARP reply for the gateway's address": f.ethernet(
    { src: WEB.mac, dst: f.BROADCAST },
    arp(f.ARP_REPLY, GATEWAY.ip),
  ),
};

/** A lawful broadcast, unlike any other. */
function lawful(): f.Bytes {
  return f.ethernet({ src: WEB.mac, dst: f.BROADCAST, trailer: f.marker() }, arp(f.ARP_REQUEST, WEB.ip));
}

/** A shell command that has a guest send frames. */
function sending(frames: readonly f.Bytes[]): string {
  return `printf '%s\\n' ${frames.map(f.toHex).join(' ')} | frames inject eth0`;
}

/** Where the gateway is: dom0, or a driver domain. */
interface Segment {
  run(script: string): Promise<string>;
}

const CAPTURE = '/run/capture';

/** Takes down what arrives at the gateway. */
async function startCapture(segment: Segment): Promise<void> {
  await segment.run(
    `rm -f ${CAPTURE}; (sleep 900 | ip netns exec gateway frames capture eth0 >${CAPTURE}) & until grep -q ready ${CAPTURE}; do sleep 0.1; done`,
  );
}

/** Gives which forgeries have arrived, once `frame` has, and so often. */
async function endCapture(segment: Segment, frame: f.Bytes, times = 1): Promise<readonly string[]> {
  const captured = await segment.run(
    `until [ "$(grep -c ${f.toHex(frame)} ${CAPTURE})" -ge ${times} ]; do sleep 0.1; done; kill $(pidof frames); cat ${CAPTURE}`,
  );
  const arrived = Object.entries(FORGERIES).filter(([, frame]) => captured.includes(f.toHex(frame)));
  return arrived.map(([name]) => name);
}

/** Has a guest that is WEB send the forgeries, and gives which of them arrive at the gateway. */
export async function arriving(segment: Segment, guest: Guest): Promise<readonly string[]> {
  await startCapture(segment);
  // Where the last has arrived, nothing more comes.
  const fence = lawful();
  await guest.run(sending([...Object.values(FORGERIES), fence]));
  return await endCapture(segment, fence);
}

/** How many rounds a guest pours, a few of them a second. */
const ROUNDS = 3000;

/** What a guest that is WEB sends all the time, whatever becomes of it: the forgeries, and a lawful frame. */
export class Pour {
  readonly #lawful = lawful();

  private constructor(readonly guest: Guest) {}

  static async start(guest: Guest): Promise<Pour> {
    const pour = new Pour(guest);
    const round = `${sending([...Object.values(FORGERIES), pour.#lawful])}; sleep 0.3`;
    await guest.run(`(for i in $(seq ${ROUNDS}); do ${round}; done) >/dev/null 2>&1 &`);
    return pour;
  }

  /** Gives which forgeries arrive at the gateway while something goes on, and until lawful frames come after it. */
  async arrivingDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
    const { dom0 } = this.guest;
    await startCapture(dom0);
    await work();
    const before = await dom0.run(`grep -c ${f.toHex(this.#lawful)} ${CAPTURE} || true`);
    return await endCapture(dom0, this.#lawful, Number(before) + 2);
  }
}
