import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Guest } from '../lab/guest.ts';
import { saidReady } from '../lab/netns.ts';
import { type Cost, measure } from './event-time.ts';

const OWN_LIBVIRTD = fileURLToPath(new URL('../../vagrant/own-libvirtd', import.meta.url));

/** The filters that come with libvirt, from Debian's libvirt-daemon-config-nwfilter. */
const FILTERS = '/usr/share/libvirt/nwfilter';

/** What a domain's <interface> asks for: its own MAC, its one IPv4 address, no IPv6. */
const FILTER = 'clean-traffic';

const PATIENT = { timeout: 120_000 };

/** libvirt's network filter (nwfilter) in a lab's dom0: libvirtd itself filters a guest's port there. */
export class Nwfilter {
  #others = 0;

  private constructor(
    readonly guest: Guest,
    /** What libvirt is told of the port. */
    readonly binding: string,
  ) {}

  /** @param guest on its bridge, by another's script. */
  static async start(guest: Guest): Promise<Nwfilter> {
    const { lab } = guest;
    const args = ['--pid', '--fork', '--kill-child', '--', OWN_LIBVIRTD, 'sh', '-c', 'echo ready; exec cat'];
    await saidReady(lab.dom0.namespace.spawn('unshare', args), 'libvirtd');
    const nwfilter = new Nwfilter(guest, await lab.writeFile(`${guest.name}.xml`, bindingOf(guest)));
    for (const file of await readdir(FILTERS)) await nwfilter.#virsh('nwfilter-define', join(FILTERS, file));
    await nwfilter.#virsh('nwfilter-binding-create', nwfilter.binding);
    return nwfilter;
  }

  /** Filters the port anew, behind all others; what the filtering costs. */
  async rebind(): Promise<Cost> {
    await this.#virsh('nwfilter-binding-delete', this.guest.device);
    return await measure(this.guest.lab, virsh('nwfilter-binding-create', this.binding));
  }

  /**
   * Repeats what libvirt wrote for the port under other names, until there are that many others before it;
   * libvirt would take seconds for each.
   */
  async growTo(others: number): Promise<void> {
    const { device, lab } = this.guest;
    const saved = await lab.dom0.namespace.run('ebtables-save', []);
    const lines = saved.split('\n').filter((line) => line.includes(device));
    const names = Array.from({ length: others - this.#others }, (_, index) => `other${this.#others + index}`);
    const renamed = (first: ':' | '-') => {
      const own = lines.filter((line) => line.startsWith(first));
      return names.flatMap((name) => own.map((line) => line.replaceAll(device, name)));
    };
    const input = ['*nat', ...renamed(':'), ...renamed('-'), ''].join('\n');
    await lab.dom0.namespace.run('ebtables-restore', ['--noflush'], { ...PATIENT, input });
    this.#others = others;
    await this.rebind();
  }

  async #virsh(...args: readonly string[]): Promise<void> {
    const [program = '', ...rest] = virsh(...args);
    await this.guest.lab.dom0.namespace.run(program, rest, PATIENT);
  }
}

function virsh(...args: readonly string[]): string[] {
  return ['virsh', '--quiet', '--connect', 'nwfilter:///system', ...args];
}

/** As libvirt keeps it for a domain's port (src/conf/virnwfilterbindingdef.c). */
function bindingOf({ name, device, mac, vif: { domid }, addresses: { ip = '' } }: Guest): string {
  return `<filterbinding>
  <owner><name>${name}</name><uuid>00000000-0000-0000-0000-${`${domid}`.padStart(12, '0')}</uuid></owner>
  <portdev name='${device}'/>
  <mac address='${mac}'/>
  <filterref filter='${FILTER}'><parameter name='IP' value='${ip}'/></filterref>
</filterbinding>
`;
}
