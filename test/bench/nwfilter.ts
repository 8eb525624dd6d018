import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Guest } from '../lab/guest.ts';
import type { Lab } from '../lab/lab.ts';
import { saidReady } from '../lab/netns.ts';
import { type Cost, measure } from './event-time.ts';

const OWN_LIBVIRTD = fileURLToPath(new URL('../../vagrant/own-libvirtd', import.meta.url));

/** The filters that come with libvirt, from Debian's libvirt-daemon-config-nwfilter. */
const FILTERS = '/usr/share/libvirt/nwfilter';

/** What a domain's <interface> asks for: its own MAC, its one IPv4 address, no IPv6. */
const FILTER = 'clean-traffic';

const PATIENT = { timeout: 120_000 };

/** libvirt's network filter (nwfilter) in a lab's dom0: libvirtd itself filters ports there. */
export class Nwfilter {
  #others = 0;

  private constructor(readonly lab: Lab) {}

  static async start(lab: Lab): Promise<Nwfilter> {
    const { namespace } = lab.dom0;
    const args = ['--pid', '--fork', '--kill-child', '--', OWN_LIBVIRTD, 'sh', '-c', 'echo ready; exec cat'];
    await saidReady(namespace.spawn('unshare', args), 'libvirtd');
    const nwfilter = new Nwfilter(lab);
    for (const file of await readdir(FILTERS)) await nwfilter.#virsh('nwfilter-define', join(FILTERS, file));
    return nwfilter;
  }

  /** Filters a guest's port, behind all that are there. */
  async bind(guest: Guest): Promise<Cost> {
    const file = await this.lab.writeFile(`${guest.name}.xml`, binding(guest));
    return await measure(this.lab, virsh('nwfilter-binding-create', file));
  }

  async unbind({ device }: Guest): Promise<void> {
    await this.#virsh('nwfilter-binding-delete', device);
  }

  /**
   * Repeats what libvirt writes for a port under other names until there are that many; libvirt would take
   * seconds for each. The guest's own port is not filtered then.
   */
  async growTo(others: number, guest: Guest): Promise<void> {
    const { namespace } = this.lab.dom0;
    await this.bind(guest);
    const saved = await namespace.run('ebtables-save', []);
    await this.unbind(guest);
    const lines = saved.split('\n').filter((line) => line.includes(guest.device));
    const names = Array.from({ length: others - this.#others }, (_, index) => `other${this.#others + index}`);
    const written = (first: ':' | '-') =>
      names.flatMap((name) =>
        lines.filter((line) => line.startsWith(first)).map((line) => line.replaceAll(guest.device, name)),
      );
    const input = ['*nat', ...written(':'), ...written('-'), ''].join('\n');
    await namespace.run('ebtables-restore', ['--noflush'], { ...PATIENT, input });
    this.#others = others;
  }

  async #virsh(...args: readonly string[]): Promise<void> {
    const [program = '', ...rest] = virsh(...args);
    await this.lab.dom0.namespace.run(program, rest, PATIENT);
  }
}

function virsh(...args: readonly string[]): string[] {
  return ['virsh', '--quiet', '--connect', 'nwfilter:///system', ...args];
}

/** As libvirt keeps it for a domain's port (src/conf/virnwfilterbindingdef.c). */
function binding({ name, device, mac, vif: { domid }, addresses: { ip = '' } }: Guest): string {
  return `<filterbinding>
  <owner><name>${name}</name><uuid>00000000-0000-0000-0000-${`${domid}`.padStart(12, '0')}</uuid></owner>
  <portdev name='${device}'/>
  <mac address='${mac}'/>
  <filterref filter='${FILTER}'><parameter name='IP' value='${ip}'/></filterref>
</filterbinding>
`;
}
