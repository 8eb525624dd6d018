#!/bin/sh
# Usage: build-xen.sh DIRECTORY
#
# Unpacks Debian's xenstored, xenstore-utils and hotplug scripts, with the libraries they need, below
# DIRECTORY/xen, and builds the shim that lets xenstored run without Xen. Nothing is installed:
# installing xen-utils would add a boot entry. Does nothing when all is there; safe to run in parallel.
set -eu

directory=$1
source=$(cd "$(dirname "$0")" && pwd)/xenstored-shim.c
packages='xen-utils-4.17 xen-utils-common xenstore-utils libxenstore4 libxenevtchn1 libxengnttab1
  libxenmisc4.17 libxentoollog1 libxentoolcore1 libxencall1 libxenforeignmemory1 libxendevicemodel1'

mkdir -p "$directory"
exec 9>"$directory/xen.lock"
flock 9
cd "$directory"

if [ ! -d xen ]; then
  rm -rf xen.new
  mkdir -p xen.new/debs
  # _apt may not be able to write here, which apt only warns of.
  (cd xen.new/debs && apt-get download -qq -o APT::Sandbox::User=root $packages)
  for deb in xen.new/debs/*.deb; do
    dpkg-deb -x "$deb" xen.new
  done
  rm -r xen.new/debs
  (cd xen.new && ln -s usr/lib/*-linux-gnu lib)
  mv xen.new xen
fi

if [ ! xen/xenstored-shim.so -nt "$source" ]; then
  gcc -Wall -O1 -shared -fPIC -o xen/shim.new "$source" -ldl -lpthread
  mv xen/shim.new xen/xenstored-shim.so
fi
