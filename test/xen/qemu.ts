import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { Dom0, type Result } from './dom0.ts';
import { XenTestError } from './error.ts';

// Emulated throughout: /dev/kvm may be there and not usable. `qemu64`, as with `max` QEMU 7.2 loses SIMD registers
// when Xen switches between its vcpus. With `icount` dom0's clock counts its instructions, two nanoseconds each:
// however busy this machine is, xl's 40 seconds for a hotplug script are those of a slow dom0, and no less; and it
// takes one of this machine's CPUs, not more. No network device at all.
const MACHINE =
  '-machine pc -cpu qemu64 -accel tcg -icount shift=1,sleep=on -smp 2 -m 3072 -display none -nic none -no-reboot';
const XEN =
  'console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M dom0_max_vcpus=2 spec-ctrl=no smap=0 noreboot';
const LINUX = 'console=hvc0 quiet cryptomgr.notests root=/dev/vda rw init=/usr/local/sbin/dom0-init';

/** Nothing of a run outlives this, whatever becomes of the driver. */
const LIFETIME_SECONDS = 3600;
const BOOT_SECONDS = 300;

/** Debian's Xen, or that with shadow paging. */
export type Xen = 'xen' | 'xen-shadow';

export interface Machine {
  /** The directory that image/build has filled. */
  readonly image: string;
  readonly xen: Xen;
  /** One of its own, made anew, for what passes between dom0 and us. */
  readonly directory: string;
}

/** A Xen in QEMU, and its dom0. */
export class Qemu {
  readonly dom0 = new Dom0((script, timeoutMs) => this.#run(script, timeoutMs));
  readonly #directory: string;
  readonly #process: ReturnType<typeof startProcess>;
  readonly #waiting = new Map<string, (status: string) => void>();
  #port: Socket | undefined;
  #count = 0;

  private constructor(machine: Machine) {
    this.#directory = machine.directory;
    this.#process = startProcess(machine);
  }

  /**
   * Boots what image/build has made, any number of times side by side.
   *
   * @throws XenTestError when dom0 does not come up.
   */
  static async boot(machine: Machine): Promise<Qemu> {
    const { directory } = machine;
    await rm(directory, { recursive: true, force: true });
    await mkdir(join(directory, 'share'), { recursive: true });
    const qemu = new Qemu(machine);
    try {
      await qemu.#connect();
      return qemu;
    } catch (error) {
      await qemu.stop();
      throw error;
    }
  }

  /** What Xen and dom0's kernel have printed. */
  get console(): string {
    return join(this.#directory, 'console.log');
  }

  async stop(): Promise<void> {
    this.#port?.destroy();
    this.#process.kill('SIGTERM');
    await this.#process;
  }

  async #connect(): Promise<void> {
    const ready = this.#answer('ready', BOOT_SECONDS * 1000);
    this.#port = await connect(join(this.#directory, 'agent'));
    createInterface({ input: this.#port }).on('line', (line) => {
      const [id = '', status = ''] = line.split(' ');
      this.#waiting.get(id)?.(status);
    });
    await ready;
  }

  async #run(script: string, timeoutMs: number): Promise<Result> {
    this.#count += 1;
    const id = String(this.#count);
    const file = (suffix: string) => join(this.#directory, 'share', `${id}.${suffix}`);
    await writeFile(file('sh'), `${script}\n`);
    const answer = this.#answer(id, timeoutMs, script);
    this.#port?.write(`${id}\n`);
    const start = performance.now();
    const status = Number(await answer);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    await appendFile(join(this.#directory, 'commands.log'), `${seconds} s, status ${status}: ${script}\n`);
    const [stdout, stderr] = await Promise.all([
      readFile(file('out'), 'utf8'),
      readFile(file('err'), 'utf8'),
    ]);
    return { status, stdout, stderr };
  }

  async #answer(id: string, timeoutMs: number, what = 'dom0'): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<string>((resolve) => this.#waiting.set(id, resolve));
    const late = new Promise<never>((_, reject) => {
      const give = () =>
        reject(new XenTestError(`no answer in ${timeoutMs / 1000} s: ${what}; see ${this.console}`));
      timer = setTimeout(give, timeoutMs);
      this.#process.then(() => reject(new XenTestError(`QEMU has ended: ${this.console} says more`)));
    });
    return Promise.race([answered, late]).finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
  }
}

function startProcess({ image, xen, directory }: Machine) {
  const of = (name: string) => join(image, name);
  const at = (name: string) => join(directory, name);
  const devices = [
    ['-kernel', of(xen), '-append', XEN, '-initrd', `${of('vmlinux')} ${LINUX},${of('initrd')}`],
    // The second is for a driver domain.
    ['-drive', `file=${of('disk')},if=virtio,format=raw,snapshot=on`],
    ['-drive', `file=${of('disk')},if=virtio,format=raw,snapshot=on`],
    ['-virtfs', `local,path=${at('share')},mount_tag=share,security_model=none`],
    ['-chardev', `socket,id=agent,path=${at('agent')},server=on,wait=off`],
    ['-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=agent,name=agent'],
    ['-serial', `file:${at('console.log')}`, '-monitor', 'none'],
  ].flat();
  const command = [
    '--signal=KILL',
    `${LIFETIME_SECONDS}`,
    'qemu-system-x86_64',
    ...MACHINE.split(' '),
    ...devices,
  ];
  return execa('timeout', command, { stdin: 'ignore', reject: false, cleanup: true, detached: false });
}

/** The socket appears soon after QEMU has started. */
async function connect(path: string): Promise<Socket> {
  for (let tries = 100; ; tries--) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = createConnection(path, () => resolve(socket)).on('error', reject);
      });
    } catch (cause) {
      if (tries === 0) throw new XenTestError('QEMU cannot be reached', { cause });
      await sleep(100);
    }
  }
}
