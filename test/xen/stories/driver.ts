import assert from 'node:assert/strict';
import { GATEWAY } from '../../lab/segment.ts';
import type { Dom0 } from '../dom0.ts';
import { arriving, FORGERIES } from '../forgery.ts';
import { Guest } from '../guest.ts';
import { expectNoPort } from '../residue.ts';
import { become, configure, expectGuarded, STRANGER, speaksAsAnother, spec, WEB } from '../stations.ts';
import type { Story } from '../story.ts';

/** The dom0's second disk holds what its first does. */
async function startDriverDomain(dom0: Dom0): Promise<Guest> {
  const initrd = await dom0.run('modprobe xen-blkback && echo /boot/initrd.img-*');
  // xl takes the last of several settings of one name.
  const settings = [
    `ramdisk = "${initrd}"`,
    'extra = "console=hvc0 quiet cryptomgr.notests root=/dev/xvda rw init=/usr/local/sbin/driver-init"',
    'memory = 400',
    "disk = [ 'phy:/dev/vdb,xvda,w' ]",
    'driver_domain = 1',
  ];
  return Guest.start(dom0, { name: 'driver', vifs: [], settings });
}

const there = (...fields: readonly string[]) => spec(WEB, 'backend=driver', ...fields);

/** A domain that is not dom0 has the bridge, and runs `xl devd`. */
export const DRIVER: Story = {
  name: 'driver',
  run: async (dom0, holds) => {
    const driver = await startDriverDomain(dom0);
    const guest = await Guest.define(dom0, { name: 'web1', vifs: [there()] });
    const backend = async () => `/local/domain/${await driver.id()}/backend/vif/${await guest.id()}/0`;
    const hotplugStatus = async (status: string) =>
      dom0.until(`[ "$(xenstore-read ${await backend()}/hotplug-status)" = ${status} ]`);
    const attach = async (...fields: readonly string[]) => {
      const { status, stderr } = await guest.attach(there(...fields));
      assert.equal(status, 0, stderr);
    };
    const quiet = 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip link set eth0 up';

    await holds('a guest reaches the gateway of a driver domain, as itself alone', async () => {
      await guest.create();
      await hotplugStatus('connected');
      await configure(guest, WEB);
      await expectGuarded(guest);
      await become(guest, STRANGER);
      assert.ok(!(await guest.pings(GATEWAY.ip)), 'as another MAC');
      await become(guest, WEB.mac);
      assert.ok(await guest.pings(GATEWAY.ip), 'with its own again');
      return undefined;
    });

    await holds('"vifguard check" is content there, and dom0 has no part in it', async () => {
      await driver.run('vifguard check');
      await expectNoPort(dom0);
      return undefined;
    });

    await holds('none of its forged frames arrives', async () => {
      await guest.run(quiet);
      assert.deepEqual(await arriving(driver, guest), []);
      return undefined;
    });

    await holds("detached, it leaves nothing; with Xen's own vif-bridge it may be anybody", async () => {
      await guest.detach(0);
      await driver.run('vifguard host down');
      await expectNoPort(driver);
      await attach('script=vif-bridge');
      await hotplugStatus('connected');
      await guest.run(`until [ -e /sys/class/net/eth0 ]; do sleep 1; done; ${quiet}; sleep 1`);
      assert.deepEqual(await arriving(driver, guest), Object.keys(FORGERIES));
      await guest.run(`ip addr add ${WEB.ip}/24 dev eth0`);
      assert.ok(await speaksAsAnother(guest));
      await guest.detach(0);
      return undefined;
    });

    await holds('a wrong address is refused: xl says nothing, hotplug-error and check say why', async () => {
      await attach('ip=192.0.2.300');
      await hotplugStatus('error');
      const reason = await dom0.run(`xenstore-read ${await backend()}/hotplug-error`);
      assert.match(reason, /ip: "192\.0\.2\.300" is not an IP address/);
      const { status, output } = await driver.attempt('vifguard check');
      assert.notEqual(status, 0);
      assert.match(output, /refused: .*192\.0\.2\.300.*run "xl network-detach \d+ 0"/);
      await driver.run('! ls -d /sys/class/net/vif*/brport');
      await guest.detach(0);
      await expectNoPort(driver);
      return reason;
    });

    await holds('attached again, it is guarded; destroyed, it leaves nothing', async () => {
      await attach();
      await hotplugStatus('connected');
      await guest.run('until [ -e /sys/class/net/eth0 ]; do sleep 1; done');
      await configure(guest, WEB);
      await expectGuarded(guest);
      await guest.destroy();
      await driver.run('vifguard host down');
      await expectNoPort(driver);
      return undefined;
    });
    await driver.destroy();
  },
};
