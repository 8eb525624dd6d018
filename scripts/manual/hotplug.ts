import { helpText, nameSection, page, paragraph, section, title } from './roff.ts';

/** vif-guard(8): what xl runs has no --help, so this is where it is told. */
const TEXT = `xl runs it when a guest's network port comes or goes, in place of Xen's own vif-bridge. It filters the
port, puts it on its bridge, and lets through only what the domain's config says the guest is.
People use vifguard(8).

Set it for every guest in /etc/xen/xl.conf, as "vifguard enable --write" does, or for one vif in its spec:

  vif.default.script = "vif-guard"
  vif = [ 'mac=00:16:3e:38:b4:ac,bridge=xenbr0,script=vif-guard,ip=192.0.2.43 2001:db8::60' ]
  vifguard = [ 'dhcp=on,peers=open,dom0=icmp' ]

ip= of the spec has the guest's addresses, between blanks; without one the guest gets no IP at all,
unless its vifguard entry says otherwise. xl ignores the setting vifguard; its entries belong to vifs
by position. vif-guard.conf(5) has their keys, and the defaults.

vlan= of the spec puts the port in a VLAN of a bridge that filters them ("ip link set xenbr0 type bridge
vlan_filtering 1"): one VLAN, without tags. A guest that needs several gets a vif for each. xl before 4.19 ignores vlan=;
vifguard then reads it from the domain's config, from the spec or the vifguard entry.

For a vif that is attached later, each key is an argument of its own; of several in one, xl takes the first and
silently drops the others, script= among them:

  xl network-attach web1 mac=00:16:3e:38:b4:ad bridge=xenbr0 script=vif-guard 'ip=192.0.2.44'

When that is refused, xl keeps the vif, closed, and the guest's next reboot would fail: "vifguard check" names it,
and "xl network-detach" takes it away.

In a driver domain, where "xl devd" runs the script, the guests' names cannot be read: vifguard entries have no effect
there, and the defaults of its own vif-guard.conf hold. xl in dom0 does not learn what is refused there: "xl create"
and "xl network-attach" succeed, the port is closed, and "vifguard check" there tells the reason.

A port goes up last: filters come first, then the bridge. When anything fails, the port stays down and on
no bridge, "xl create" fails, and the reason is in xenstore (hotplug-error), which xl prints. It exits
with 1 then, and else with 0.

While "vifguard watch" runs, as vifguard.service, vif-guard hands it the event, which saves the start of
a program, and ends with the exit status that it answers. When the watch does not run, or dies, or says nothing
for 5 s (it is then killed), vif-guard does the work itself, with the same result.

The policy that the port is held to is in xenstore, below the vif's backend path, for other tools to read. Lists are
words separated by blanks. A key that is absent means that the guest has none of it.

Xenstore:
  hotplug-status                     connected, or error
  hotplug-error                      why
  vifguard/mode                      locked, unlocked or disabled
  vifguard/mac, extra-mac            the guest's own MAC, and further ones
  vifguard/ipv4, ipv6                its addresses and prefixes, or any
  vifguard/link-local                eui64, listed or any
  vifguard/dhcp                      on or off
  vifguard/peers, dom0               isolated or open; allow, icmp or none
  vifguard/role, vrrp, vlan          what few guests have

Environment:
  XENBUS_PATH, vif, INTERFACE        from xl: the vif's path in xenstore, and its device
  VIFGUARD_CONF                      another file than /etc/xen/vif-guard.conf
  XENSTORED_PATH                     the socket or device of xenstored

Files:
  /etc/xen/scripts/vif-guard         the program, where xl looks for it
  /etc/xen/vif-guard.conf            the host's defaults
  /run/vifguard/net-*/               what is guarded now, by network namespace: a file for each port
  /run/vifguard/net-*/watch.sock     where "vifguard watch" takes events`;

export function hotplugManual(version: string): string {
  const events = ['online type_if=vif', 'offline type_if=vif', 'add type_if=tap', 'remove type_if=tap'];
  return page(
    title({ name: 'vif-guard', section: 8, source: `vifguard ${version}` }),
    nameSection('vif-guard', 'hotplug script that guards the network ports of Xen guests'),
    section('Synopsis', ...events.map((event) => paragraph(`vif-guard ${event}`))),
    section('Description', ...helpText(TEXT, section)),
    section('See also', paragraph('vifguard(8), vif-guard.conf(5), xl.conf(5), xl-network-configuration(5)')),
  );
}
