#!/bin/sh
# Makes a Debian 12 a Xen dom0 to test vifguard on; serves the image of `make test-xen` and Vagrant alike.
#
#   provision.sh packages         prints the Debian packages that it takes
#   provision.sh boot             once, with those installed, before Xen boots: options of Xen and of its daemons
#   provision.sh install FRAMES   once: what guests boot from, with the program FRAMES in it; the dom0 gets it, too
#   provision.sh network          at each boot: xenbr0, and a gateway in a network namespace behind its uplink
#   provision.sh playground       once, with systemd and vifguard: that network and two guests, web1 and web2, at each boot
set -eu

# Addresses from RFC 5737 and RFC 3849; the same stations as in test/lab/segment.ts.
dom0_mac=02:00:00:00:00:02 gateway_mac=02:00:00:00:00:01
dom0='192.0.2.2/24 2001:db8:0:ffff::2/64' gateway='192.0.2.1/24 2001:db8:0:ffff::1/64'

here=$(cd "$(dirname "$0")" && pwd)
guests=/var/lib/guests

packages() {
  printf '%s\n' busybox-static cpio ebtables initramfs-tools iproute2 iptables iputils-ping kmod \
    linux-image-amd64 nftables nodejs procps python3 qemu-system-xen util-linux xen-hypervisor-4.17-amd64 xen-hypervisor-common \
    xen-utils-4.17 xenstore-utils xz-utils
}

# The kernel as an ELF file: xl takes the compressed one too, and then needs nine seconds for it under emulation.
# The header's fields: Documentation/arch/x86/boot.rst.
extract_kernel() {
  field() { od -An -v -t "$2" -j "$1" -N "${2#u}" "$kernel" | tr -d ' '; }
  kernel=$1
  start=$((($(field 497 u1) + 1) * 512 + $(field 584 u4)))
  tail -c "+$((start + 1))" "$kernel" | head -c "$(field 588 u4)" | xz -dc --single-stream
}

# A guest is busybox, its network driver and a sender of raw frames.
pack_initrd() {
  root=$(mktemp -d)
  mkdir "$root/bin" "$root/dev" "$root/proc" "$root/sys"
  cp /bin/busybox "$2" "$root/bin"
  cp "$here/guest-init" "$root/init"
  drivers=/lib/modules/$1/kernel/drivers/net
  cp "$drivers/xen-netfront.ko" "$drivers/ethernet/intel/e1000/e1000.ko" "$root"
  (cd "$root" && find . | cpio --quiet -o -H newc)
  rm -r "$root"
}

# What protects Xen from its guests costs time under emulation, and nothing here is worth protection.
set_boot_options() {
  mkdir -p /etc/default/grub.d /var/log/xen/console
  echo 'GRUB_CMDLINE_XEN_DEFAULT="dom0_mem=1024M,max:1024M dom0_max_vcpus=2 spec-ctrl=no smap=0 console=com1,vga com1=115200,8n1"' \
    >/etc/default/grub.d/dom0.cfg
  # A box in the making has no disk yet for update-grub to find. That Xen is GRUB's default, xen-hypervisor-common sees to.
  [ ! -e /etc/default/grub ] || update-grub
  # xenconsoled keeps what guests print in /var/log/xen/console.
  echo 'XENCONSOLED_ARGS=--log=guest' >>/etc/default/xen
}

install_guests() {
  image=$(find /boot -name 'vmlinuz-*' | sort -V | tail -n 1)
  mkdir -p "$guests"
  extract_kernel "$image" >"$guests/vmlinux"
  pack_initrd "${image#/boot/vmlinuz-}" "$1" >"$guests/initrd"
  install "$1" /usr/local/bin/frames
}

network() {
  ip netns add gateway
  ip link add xenbr0 address "$dom0_mac" type bridge
  ip link add uplink type veth peer name eth0 address "$gateway_mac" netns gateway
  ip link set uplink addrgenmode none master xenbr0 up
  ip link set xenbr0 up
  for address in $dom0; do ip addr add "$address" dev xenbr0; done
  ip -n gateway link set lo up
  ip -n gateway link set eth0 up
  for address in $gateway; do ip -n gateway addr add "$address" dev eth0; done
}

# The n-th station of test/xen/stations.ts, with a shell on its console.
write_config() {
  cat >"/etc/xen/web$1.cfg" <<END
name = "web$1"
kernel = "$guests/vmlinux"
ramdisk = "$guests/initrd"
extra = "console=hvc0 quiet rdinit=/init cryptomgr.notests addresses=192.0.2.4$1/24,2001:db8:0:ffff::4$1/64"
memory = 128
vif = [ 'mac=00:16:3e:00:0$1:00,bridge=xenbr0,ip=192.0.2.4$1 2001:db8:0:ffff::4$1' ]
END
}

install_playground() {
  vifguard enable --write
  write_config 1
  write_config 2
  cat >/etc/systemd/system/playground.service <<END
[Unit]
Description=xenbr0, and two guests on it
After=xen.service vifguard.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$here/provision.sh network
ExecStart=/usr/sbin/xl create -q /etc/xen/web1.cfg
ExecStart=/usr/sbin/xl create -q /etc/xen/web2.cfg

[Install]
WantedBy=multi-user.target
END
  cp "$here/hello" /etc/motd
  systemctl --quiet enable --now playground
}

case ${1:-} in
  packages) packages ;;
  boot) set_boot_options ;;
  install) install_guests "$2" ;;
  network) network ;;
  playground) install_playground ;;
  *) sed -n 's/^#   //p' "$0" >&2 && exit 2 ;;
esac
