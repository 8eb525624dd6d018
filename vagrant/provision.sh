#!/bin/sh
# Makes a Debian 12 a Xen dom0 to test vifguard on; serves the image of `make test-xen` and Vagrant alike.
#
#   provision.sh packages         prints the Debian packages that it takes
#   provision.sh install FRAMES   once, with those installed: what guests boot from, with the program FRAMES in it
#   provision.sh network          at each boot: xenbr0, and a gateway in a network namespace behind its uplink
set -eu

# Addresses from RFC 5737 and RFC 3849; the same stations as in test/lab/segment.ts.
dom0_mac=02:00:00:00:00:02 gateway_mac=02:00:00:00:00:01
dom0='192.0.2.2/24 2001:db8:0:ffff::2/64' gateway='192.0.2.1/24 2001:db8:0:ffff::1/64'

here=$(cd "$(dirname "$0")" && pwd)
guests=/var/lib/guests

packages() {
  printf '%s\n' busybox-static cpio ebtables initramfs-tools iproute2 iptables iputils-ping kmod \
    linux-image-amd64 nftables nodejs procps python3 util-linux xen-hypervisor-4.17-amd64 xen-utils-4.17 \
    xenstore-utils xz-utils
}

# The kernel as an ELF file: xl takes the compressed one too, and then needs nine seconds for it under emulation.
# The header's fields: Documentation/arch/x86/boot.rst.
extract_kernel() {
  field() { od -An -v -t "$2" -j "$1" -N "${2#u}" "$kernel" | tr -d ' '; }
  kernel=$1
  start=$((($(field 497 u1) + 1) * 512 + $(field 584 u4)))
  tail -c "+$((start + 1))" "$kernel" | head -c "$(field 588 u4)" | xz -dc --single-stream
}

# A guest is busybox, netfront and a sender of raw frames.
pack_initrd() {
  root=$(mktemp -d)
  mkdir "$root/bin" "$root/dev" "$root/proc" "$root/sys"
  cp /bin/busybox "$2" "$root/bin"
  cp "$here/guest-init" "$root/init"
  cp "/lib/modules/$1/kernel/drivers/net/xen-netfront.ko" "$root"
  (cd "$root" && find . | cpio --quiet -o -H newc)
  rm -r "$root"
}

install_guests() {
  image=$(find /boot -name 'vmlinuz-*' | sort -V | tail -n 1)
  mkdir -p "$guests"
  extract_kernel "$image" >"$guests/vmlinux"
  pack_initrd "${image#/boot/vmlinuz-}" "$1" >"$guests/initrd"
  # xenconsoled keeps what guests print in /var/log/xen/console.
  mkdir -p /var/log/xen/console
  echo 'XENCONSOLED_ARGS=--log=guest' >>/etc/default/xen
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

case ${1:-} in
  packages) packages ;;
  install) install_guests "$2" ;;
  network) network ;;
  *) sed -n 's/^#   //p' "$0" >&2 && exit 2 ;;
esac
