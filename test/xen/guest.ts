import type { Dom0, Result, RunOptions } from './dom0.ts';
import { XenTestError } from './error.ts';

export interface GuestOptions {
  readonly name: string;
  /** The vif specs of the .cfg, as they are. */
  readonly vifs: readonly string[];
  /** Further lines of the .cfg. */
  readonly settings?: readonly string[];
  /** Text files that the guest finds in its root directory. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Without the self-tests of the kernel's ciphers, which are a quarter of its boot. */
export const KERNEL_OPTIONS = 'console=hvc0 quiet rdinit=/init cryptomgr.notests';

/** Of this machine's time; xl has its own limits in dom0's. */
const CREATE_SECONDS = 300;
const READY_SECONDS = 300;
const MIGRATE_SECONDS = 400;

let commands = 0;

/** A paravirtual domain: busybox behind real netfront. */
export class Guest {
  /** Where xenconsoled keeps what the guest prints. */
  readonly #log: string;

  private constructor(
    readonly dom0: Dom0,
    readonly name: string,
  ) {
    this.#log = `/var/log/xen/console/guest-${name}.log`;
  }

  /** Writes the .cfg and what the guest boots from; `xl create` is yet to come. */
  static async define(dom0: Dom0, { name, vifs, settings = [], files = {} }: GuestOptions): Promise<Guest> {
    const guest = new Guest(dom0, name);
    const names = Object.keys(files);
    await Promise.all(
      names.map((file) => dom0.write(`/var/lib/guests/${name}.d/${file}`, files[file] ?? '')),
    );
    const initrd = names.length === 0 ? '/var/lib/guests/initrd' : `/var/lib/guests/${name}.initrd`;
    if (names.length > 0) {
      // The kernel unpacks one archive after the other.
      const own = `cd /var/lib/guests/${name}.d && find . | cpio --quiet -o -H newc`;
      await dom0.run(`(cat /var/lib/guests/initrd && ${own}) >${initrd}`);
    }
    const lines = [
      `name = "${name}"`,
      'kernel = "/var/lib/guests/vmlinux"',
      `ramdisk = "${initrd}"`,
      `extra = "${KERNEL_OPTIONS}"`,
      'memory = 128',
      `vif = [ ${vifs.map((vif) => `'${vif}'`).join(', ')} ]`,
      ...settings,
    ];
    await dom0.write(guest.config, lines.join('\n'));
    return guest;
  }

  /** Defines and starts a guest, and waits until it takes commands. */
  static async start(dom0: Dom0, options: GuestOptions): Promise<Guest> {
    const guest = await Guest.define(dom0, options);
    await guest.create();
    return guest;
  }

  get config(): string {
    return `/etc/xen/${this.name}.cfg`;
  }

  async create(): Promise<void> {
    await this.dom0.run(`rm -f ${this.#log}; xl create ${this.config}`, { timeout: CREATE_SECONDS });
    await this.ready();
  }

  /** Waits until the guest has come up `times` times. */
  async ready(times = 1): Promise<void> {
    await this.dom0.until(`[ "$(grep -c @@ready ${this.#log})" -ge ${times} ]`, { timeout: READY_SECONDS });
  }

  async id(): Promise<number> {
    return Number(await this.dom0.run(`xl domid ${this.name}`));
  }

  /** Runs one line of shell in the guest and gives what it printed. @throws XenTestError when it fails. */
  async run(command: string, options: RunOptions = {}): Promise<string> {
    const { status, output } = await this.attempt(command, options);
    if (status !== 0) throw new XenTestError(`"${command}" in ${this.name} ended with ${status}: ${output}`);
    return output;
  }

  async attempt(command: string, options: RunOptions = {}): Promise<{ status: number; output: string }> {
    const { id, script } = this.#typing(command);
    const wait = `until grep -q '^@@end ${id} ' ${this.#log}; do sleep 0.3; done`;
    const show = `tr -d '\\r' <${this.#log} | sed -n '/^@@begin ${id}$/,/^@@end ${id} /p'`;
    const lines = (await this.dom0.run(`${script}\n${wait}\n${show}`, options)).split('\n');
    return { status: Number(lines.at(-1)?.split(' ')[2]), output: lines.slice(1, -1).join('\n') };
  }

  /** Gives the guest a line to run without waiting for its end. */
  async type(command: string): Promise<void> {
    await this.dom0.run(this.#typing(command).script);
  }

  #typing(command: string): { readonly id: string; readonly script: string } {
    commands += 1;
    const id = `c${commands}`;
    const console = `$(xenstore-read /local/domain/$(xl domid ${this.name})/console/tty)`;
    return { id, script: `cat >"${console}" <<'END OF COMMAND'\n${id} ${command}\nEND OF COMMAND` };
  }

  /** Whether the guest gets an answer from `address`. */
  async pings(address: string): Promise<boolean> {
    const { status } = await this.attempt(`ping -c 1 -W 5 ${address} >/dev/null`);
    return status === 0;
  }

  /** Sets up an interface with addresses in CIDR form; DAD has no use here. */
  async configure(iface: string, ...addresses: readonly string[]): Promise<void> {
    const settings = [
      `echo 0 >/proc/sys/net/ipv6/conf/${iface}/accept_dad`,
      ...addresses.map((address) => `ip addr add ${address} dev ${iface}`),
      `ip link set ${iface} up`,
    ];
    await this.run(settings.join(' && '));
  }

  /**
   * Hot-plugs a vif, however that ends. Each field is an argument of its own: of several in one, with commas as in a
   * .cfg, xl takes the first and says nothing of the others, `script=` among them.
   */
  async attach(vif: string): Promise<Result> {
    const fields = vif.split(',').map((field) => `'${field}'`);
    return this.dom0.attempt(`xl network-attach ${this.name} ${fields.join(' ')}`);
  }

  /** Unplugs a vif, and waits until it is gone. */
  async detach(handle: number): Promise<void> {
    await this.dom0.run(`xl network-detach ${this.name} ${handle}`);
    await this.dom0.until(`[ ! -e /sys/class/net/vif$(xl domid ${this.name}).${handle} ]`);
  }

  /** Migrates it live to where it is. @throws XenTestError with what xl says when that fails */
  async migrate(options = ''): Promise<void> {
    // xenconsoled calls the log after the domain, and that is so called while it comes.
    await this.dom0.run(`ln -sf ${this.#log} /var/log/xen/console/guest-${this.name}--incoming.log`);
    const migrate = `xl migrate ${options} -s '' ${this.name} 'xl migrate-receive'`;
    await this.dom0.run(migrate, { timeout: MIGRATE_SECONDS });
  }

  async destroy(): Promise<void> {
    await this.dom0.run(`xl destroy ${this.name}`, { timeout: CREATE_SECONDS });
  }
}
