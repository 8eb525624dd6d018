import { DROP_LOG_GROUP } from '../backends/drop-log.ts';
import { EXIT_CODES } from './exit-code.ts';

// What --help and the manual say below the options.

const EXIT_HELP = Object.values(EXIT_CODES)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n');

export const PROGRAM_HELP = `
Examples:
  vifguard doctor                    can this host guard guests?
  vifguard enable --write            guard every guest from its next "xl create" on
  vifguard lint /etc/xen/web1.cfg    before "xl create"
  vifguard status                    after it
  vifguard show web1                 what a guest may do, and what was dropped
  vifguard explain web1 'udp 192.0.2.1:67 > 255.255.255.255:68'
                                     why a packet does not get through, and what to change
  vifguard monitor                   what is dropped right now
  vifguard check || vifguard host up put right what somebody changed
  vifguard reload web1               after a change of /etc/xen/web1.cfg

Exit codes:
${EXIT_HELP}

Environment:
  VIFGUARD_CONF                      another file than /etc/xen/vif-guard.conf
  XENSTORED_PATH                     the socket or device of xenstored
  NO_COLOR                           set to anything: no colours on a terminal either

Files:
  /etc/xen/vif-guard.conf            the host's defaults
  /etc/xen/xl.conf                   xl's own settings, vif.default.script among them
  /run/vifguard/net-*/               what is guarded now, by network namespace: a file for each port
"vifguard VERB --help" has more.`;

export const STATUS_HELP = `State:
  guarded    filters and bridge hold the port to its policy
  down       the same, and the port is administratively down, as with mode=disabled
  drifted    something is not as it should be: "vifguard check" says what
  unguarded  a guest's port on a bridge that vifguard has no record of: set script=vif-guard

An HVM guest has two ports until a driver in it unplugs the emulated one, then its vif alone.

Drops are frames since the port's rules were written, by reason; "vifguard show VIF" explains each.
The exit code is 0 whatever the state; that of "vifguard check" tells whether all is well.

Examples:
  vifguard status
  vifguard status --json | jq -r '.ports[] | select(.state != "guarded") | .port'

JSON:
  { "ports": [ { "port", "bridge", "kind": "vif"|"tap", "domain", "domid", "handle", "mac",
      "addresses": "any"|[ADDRESS], "mode", "state", "differences": [TEXT],
      "drops": { REASON: FRAMES } } ],
    "findings": [ { "subject", "problem", "remedy", "ports": [PORT], "details": [TEXT] } ] }
  What is not known is null. Keys may be added, never renamed or removed.`;

export const SHOW_HELP = `Prints the policy and where each field of it applies; each bridge flag and forwarding entry as the
kernel has it beside what it should be; drops with their meaning; the port's rules as they are in
the kernel, with counters where it has any; and what differs.

VIF is a port, or a domain's name or domid, with /HANDLE when it has several vifs.

Examples:
  vifguard show vif1.0
  vifguard show web1
  vifguard show web1/1               its second vif
  vifguard show vif3.0-emu           the emulated port of an HVM guest

JSON:
  What "vifguard status --json" has of the port, and further
  { "policy": { "mode", "mac", "extraMacs", "ipv4", "ipv6", "linkLocal", "dhcp", "peers", "dom0",
      "roles", "virtualRouters": [ { "id", "addresses" } ] },
    "settings": [ { "name", "is", "should" } ], "fdb": [ { "address", "is", "should" } ],
    "rules": [LINE] }`;

export const EXPLAIN_HELP = `Judges frames by the rules of a port, without sending any: accept, drop, or discard (the kernel itself
throws it away); with stage and reason; and "to pass", the lines of config that would let it through
and open least, found by trying them. Exits with 1 when a frame is not accepted.

A frame goes from VIF to the bridge, unless --to or --from say otherwise. Between two VIFs both are asked.

A frame in words, in quotes, as ">" is the shell's own (MACs stand in front, where it matters):
  arp who-has ADDRESS tell ADDRESS            arp ADDRESS is-at MAC
  udp|tcp ADDRESS:PORT > ADDRESS:PORT         in IPv6, [ADDRESS]:PORT
  icmp|icmp6|igmp TYPE ADDRESS > ADDRESS      TYPE is a number, or a name such as echo-request
  icmp6 rs|ra from ADDRESS                    icmp6 ns|na TARGET from ADDRESS
  ip PROTOCOL ADDRESS > ADDRESS               PROTOCOL is a number, or a name such as ospf
  MAC > MAC, ...                              any of these with other MACs than VIF's own

Examples:
  vifguard explain web1 arp who-has 192.0.2.1 tell 192.0.2.43
  vifguard explain web1 'udp 192.0.2.1:67 > 255.255.255.255:68'
  vifguard explain web1 --to dom0 'tcp 192.0.2.43:1024 > 192.0.2.1:22'
  vifguard explain web1 --from uplink icmp6 ra from fe80::1
  vifguard explain web1 --from web2 'icmp echo-request 192.0.2.42 > 192.0.2.43'
  vifguard explain web1 '00:16:3e:00:00:99 > ff:ff:ff:ff:ff:ff, arp 192.0.2.1 is-at 00:16:3e:00:00:99'
  vifguard explain --config /etc/xen/web2.cfg --vif 1 icmp6 na 2001:db8::1 from 2001:db8::1
  tcpdump -i vif1.0 -Q in -c 100 -w web1.pcap && vifguard explain vif1.0 --pcap web1.pcap
  vifguard explain vif1.0 --pcap web1.pcap --json | jq -r 'select(.verdict == "drop") | .frame'

JSON, for each frame on a line of its own:
  { "number", "frame", "length", "captured", "from", "to", "verdict": "accept"|"drop"|"discard",
    "port", "stage", "reason", "meaning",
    "changes": [ { "port", "key", "value", "where", "write", "overrules" } ] }`;

export const CHECK_HELP = `Compares with what should be: tables, our hooks and what stands in front of them, bridge flags,
forwarding entries, nf_call_ip6tables, the ports' bridges, uplinks; and looks for guests' ports that
are not guarded. Changes nothing. Prints a line with the remedy for each difference, and then exits with 1.

Examples:
  vifguard check                     prints "all well: 3 ports ...", or what differs
  vifguard check || vifguard host up
  vifguard check --json | jq -r '.findings[].problem'

JSON:
  { "ok": BOOLEAN, "checked": { "ports": COUNT, "bridges": COUNT }, "busy": TEXT|null,
    "findings": [ { "subject", "problem", "remedy", "ports": [PORT], "details": [TEXT] } ] }
  "busy" names a hotplug event that was under way, whose work may show as drift.`;

export const RELOAD_HELP = `Reads the host config, the domains' configs and xenstore again and applies only what differs, under
running guests: a frame is judged by the old policy or by the new one. A changed "backend" moves
every port: the new rules are there before the old ones go. Also puts right what "vifguard check"
would find. Says what it did; a second run says that nothing changed.

A port whose new config cannot be used keeps the guard it had; the reason is on stderr, the exit code
1, and all other ports are reloaded. An unusable host config changes nothing.

Of a vif spec, mac= and ip= count; for another bridge=, vifname= or mtu= attach the vif anew.

Examples:
  vifguard reload                    after a change of vif-guard.conf
  vifguard reload web1               after a change of its vifguard = [ ... ]
  xenstore-write /local/domain/0/backend/vif/1/0/ip '192.0.2.43 192.0.2.44' && vifguard reload vif1.0
                                     until its next start, another address`;

export const WATCH_HELP = `Runs as vifguard.service, which the package enables and starts, a "vifguard host up" first. Puts right
within a second what others change of the guards: rules (a flushed table), bridge flags, forwarding
entries, a port's bridge or name, nf_call_ip6tables, and what xenstore has of its policies; a vif's new
ip= or mac= in xenstore takes effect; once a driver in an HVM guest has unplugged its emulated port, the
bridge holds the vif to its MAC again. Prints a line for each. What somebody undoes again and again is
left alone for a while, up to 30 s. For changed configs there is "vifguard reload".

While it runs, vif-guard hands it xl's events, which saves each the start of a program. When it ends, or
crashes, the guards stay, and vif-guard works by itself.

Where vif-guard.conf says so, by metrics_listen and metrics_textfile, it counts for Prometheus: frames
dropped by port, guest and reason (all of them, not only those that are logged); ports by state; what it
has put right; how long events took.
  vifguard_dropped_frames_total{port,guest,reason}    vifguard_heals_total{part,outcome}
  vifguard_event_duration_seconds{action,outcome}     vifguard_ports{state}
  vifguard_build_info{version,nodejs}

Each network namespace has a watch of its own.

Examples:
  vifguard watch                     by hand, until Ctrl-C
  systemctl enable --now vifguard    where it was switched off
  journalctl -u vifguard             what it has put right
  ip netns exec tenant-a vifguard watch`;

export const MONITOR_HELP = `A line for each frame that the guards drop, such as
  vif2.0 web2 · arp-spoof · claims 192.0.2.1 (gateway)
the port and its guest, the reason, and what is wrong; where the guest claims an address or a MAC, also
whose that is: another guest's, dom0's, or a router's that dom0 knows. Nothing has to be switched on, and
"vifguard watch" may run or not. A domain's name means all its ports, those of its next start, too.

Of a flood it shows enough to tell that there is one, and none hides another guest's drops, or drops for
another reason. The kernel passes on 5 frames a second, or 10 at once, of each port and reason (with xtables,
of each rule that drops). Of those, the monitor shows 3 in 5 s, then how many more it got.
"vifguard status" counts all.

The kernel logs by NFLOG, group ${DROP_LOG_GROUP} of the network namespace, to one listener at a time: a
second monitor is refused. Another reader of NFLOG, such as ulogd, may take its place: the prefix is
vifguard, with nftables followed by /from/REASON or /to/REASON.

Examples:
  vifguard monitor
  vifguard monitor web1 --all        everything that is dropped at the ports of web1
  systemd-run --unit=vifguard-drops vifguard monitor
                                     into the journal
  vifguard monitor --json | jq -r 'select(.holder != null) | .port'
                                     who claims what is somebody else's
  vifguard explain web1 --hex "$(tail -n1 drops.json | jq -r .hex)"
                                     what would have to change for that frame to pass

JSON, for each frame on a line of its own:
  { "time", "port", "domain", "domid", "way": "from"|"to", "reason", "meaning", "words", "claimed",
    "holder", "frame", "hex", "more": COUNT|null }
  In a line that tells how many more there were, "words", "claimed", "holder", "frame" and "hex" are null.`;

export const LINT_HELP = `Prints FILE:LINE:COLUMN: severity: message; advice. An error keeps a guest from starting and makes
the exit code 1; a warning is something that is probably not meant.

Examples:
  vifguard lint /etc/xen/*.cfg
  vifguard lint /etc/xen/vif-guard.conf`;

export const DOCTOR_HELP = `Each line is ok, warn or fail, with the remedy below; exits with 1 when something fails.

Examples:
  vifguard doctor
  vifguard doctor --json | jq '.[] | select(.severity == "fail")'`;

export const ENABLE_HELP = `Adds vif.default.script="vif-guard" to /etc/xen/xl.conf, below the line that says something else or
has it in a comment; no other line changes. Without --write it only prints what it would add, and what the
script is now. A guest gets the new script with "xl create", not by a reboot.

Examples:
  vifguard enable                    prints the change
  vifguard enable --write            makes it
  vifguard enable --write && vifguard doctor`;

export const DISABLE_HELP = `Takes the lines with vif.default.script="vif-guard" out of /etc/xen/xl.conf; what stood there before counts
again. Without --write it only prints them. A guest that starts from then on is unguarded, unless its vifs
name script=vif-guard.

Examples:
  vifguard disable                   prints the change
  vifguard disable --write           before removing the package, for example`;

export const HOST_HELP = `Examples:
  vifguard host up                   at boot, and after a firewall reload
  vifguard host down                 before removing the package`;

export const HOST_UP_HELP = `Loads br_netfilter, installs the tables so that they stay when the last guest goes, and puts right
what differs for the guests that are there: tables, hooks, nf_call_ip6tables, bridge flags, forwarding
entries. What is right stays untouched, so that it can be run at any time. Says what it did, and on
stderr what it cannot put right. A port whose record is lost is closed.

Examples:
  vifguard host up                   at boot; without it the first guest sets the host up
  vifguard host up                   after "nft flush ruleset" or a reload of the firewall
  mv "/run/vifguard/net-$(stat -Lc %i /proc/self/ns/net)/host.json" /root/ && vifguard host up
                                     when that is the file that cannot be read; restart the guests then`;

export const HOST_DOWN_HELP = `Takes tables and hooks away and lets bridges call ip6tables as they did before. Refused while a
guarded port is there: it would be left open.

Example:
  vifguard host down`;
