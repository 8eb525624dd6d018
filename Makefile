# vifguard. On a bare Debian 12, as root: `make demo` or `make test`; each installs what it needs.

DESTDIR ?=
libdir := /usr/lib/vifguard
scripts := /etc/xen/scripts
bash_completion := /usr/share/bash-completion/completions
zsh_completion := /usr/share/zsh/vendor-completions
man := /usr/share/man
# Where Debian 12's debhelper looks for units; the same directory as /usr/lib/systemd/system.
units := /lib/systemd/system

# Each list is what `apt-get install` gets, without what is only recommended.
build_packages := ca-certificates g++ gcc make python3
lab_packages := curl dnsmasq-base ebtables groff-base iproute2 iptables iputils-arping iputils-ping isc-dhcp-client kmod \
	libxen-dev ndisc6 netcat-openbsd nftables procps socat tcpdump udhcpc util-linux xenstore-utils zsh
# A node from elsewhere (NodeSource) brings its own npm and headers, and conflicts with Debian's.
node_packages := $(if $(shell command -v npm),,libnode-dev nodejs npm)

bench_packages := libvirt-clients libvirt-daemon libvirt-daemon-config-nwfilter
# With systemd the host's libvirtd serves; without, vagrant/with-libvirtd starts one.
vagrant_packages := dnsmasq-base libvirt-daemon libvirt-daemon-driver-qemu openssh-client qemu-system-x86 qemu-utils vagrant \
	vagrant-libvirt $(if $(wildcard /run/systemd/system),libvirt-daemon-system)

stamps := build/stamps
modules := $(stamps)/modules
bundles := $(stamps)/bundles
deb := build/deb
sources := $(shell find src scripts -type f 2>/dev/null) hotplug/vif-guard.conf hotplug/hand-over.c

# The headers that came with this node, rather than a download, for the two native addons.
ifeq ($(shell command -v node):$(wildcard /usr/include/node/node.h),/usr/bin/node:/usr/include/node/node.h)
export npm_config_nodedir := /usr
endif

.DEFAULT_GOAL := help
.NOTPARALLEL: # apt and npm each want to be alone
.PHONY: help deps build docs lint types test demo bench fuzz mutants clean install deb test-bare test-deb test-xen \
	box vagrant-test

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

deps: $(modules) $(stamps)/lab-packages ## install the Debian packages and node modules that everything here needs

build: $(bundles) ## bundle the programs into dist/

lint: $(modules) ## check style (biome) and the shell scripts (shellcheck)
	npx --no-install biome check .
	$(call apt,shellcheck)
	shellcheck $(shell grep -lrE '^\#!/bin/(ba)?sh' hotplug scripts debian test/xen vagrant .ci)

types: $(modules) ## check the types (tsc)
	npx --no-install tsc

docs: $(bundles) ## docs/configuration.md, from hotplug/vif-guard.conf
	cp build/docs/configuration.md docs/

test: deps build ## run every test: unit tests, and the lab in network namespaces, attacks with both backends
	npx --no-install ava
	VIFGUARD_TEST_BACKEND=nftables npx --no-install ava test/attacks test/traffic

demo: deps build ## three guests, one hostile: what gets through without vifguard, and with it
	npx --no-install tsx test/lab/demo.ts

bench: deps build ## time and throughput beside Xen's vif-bridge and libvirt's nwfilter; ONLY=events,packets,nwfilter,watch: these
	$(call apt,$(bench_packages))
	npx --no-install tsx test/bench/bench.ts "$(ONLY)"

fuzz: deps build ## random frames through the kernel and through the model: FRAMES=1000000 SEED=1 BACKEND=xtables
	npx --no-install tsx test/fuzz/fuzz.ts

mutants: deps build ## take out one rule or bridge flag at a time, a test has to notice; ONLY=TEXT: those with TEXT in their name
	npx --no-install tsx test/mutants/mutants.ts "$(ONLY)"

test-bare: ## the demo, the tests and the deb on a bare Debian 12, in a throw-away directory
	$(call apt,git mmdebstrap)
	scripts/test-bare

deb: build ## the Debian package, in build/deb/
	$(call apt,build-essential debhelper)
	mkdir -p $(deb)
	DEB_DIRECTORY=$(deb) dpkg-buildpackage --build=binary --no-sign --post-clean --buildinfo-file=$(deb)/vifguard.buildinfo \
	  --buildinfo-option=-u$(deb) --changes-file=$(deb)/vifguard.changes --changes-option=-u$(deb)

test-deb: deps deb ## the package on a bare Debian 12 and 13: lintian, install, upgrade under attack, remove, purge
	$(call apt,lintian mmdebstrap piuparts)
	npx --no-install ava --timeout=30m test/deb/deb.test.ts

test-xen: deps deb ## the package on a real Xen, emulated by QEMU, with guests that attack; ONLY=NAME,...: these stories
	$(call apt,bison build-essential flex mmdebstrap python3 qemu-system-x86)
	npx --no-install tsx test/xen/test-xen.ts $(deb)/*.deb "$(ONLY)"

box: build/vagrant/frames ## what "vagrant up" in vagrant/ needs: a box with a Debian on Xen, from apt alone, and Vagrant
	$(call apt,bison build-essential fdisk flex mmdebstrap python3 $(vagrant_packages))
	vagrant/box build/vagrant

vagrant-test: deps deb box ## what "vagrant up" gives, then the stories of test-xen through "vagrant ssh"; ONLY=NAME,...: these
	vagrant/with-libvirtd npx --no-install tsx test/xen/test-vagrant.ts "$(ONLY)"

clean: ## remove what was built; the Debian packages and node modules stay
	rm -rf dist build

install: build ## install below $(DESTDIR)/
	install -d $(DESTDIR)$(libdir)/hotplug $(DESTDIR)$(libdir)/dist $(DESTDIR)$(libdir)/scripts $(DESTDIR)$(scripts) $(DESTDIR)/usr/sbin \
	  $(DESTDIR)$(bash_completion) $(DESTDIR)$(zsh_completion) $(DESTDIR)$(man)/man5 $(DESTDIR)$(man)/man8 \
	  $(DESTDIR)$(units)
	install -m 755 hotplug/vif-guard hotplug/vifguard $(DESTDIR)$(libdir)/hotplug
	install -m 644 dist/* $(DESTDIR)$(libdir)/dist
	install -m 755 dist/hand-over $(DESTDIR)$(libdir)/dist
	install -m 644 scripts/code-cache.cjs $(DESTDIR)$(libdir)/scripts
	install -m 644 build/completion/vifguard $(DESTDIR)$(bash_completion)
	install -m 644 build/completion/_vifguard $(DESTDIR)$(zsh_completion)
	install -m 644 build/man/man5/* $(DESTDIR)$(man)/man5
	install -m 644 build/man/man8/* $(DESTDIR)$(man)/man8
	install -m 644 hotplug/vifguard.service $(DESTDIR)$(units)
	[ -e $(DESTDIR)/etc/xen/vif-guard.conf ] || install -m 644 hotplug/vif-guard.conf $(DESTDIR)/etc/xen
	ln -sfn $(libdir)/hotplug/vif-guard $(DESTDIR)$(scripts)/vif-guard
	ln -sfn $(libdir)/hotplug/vifguard $(DESTDIR)/usr/sbin/vifguard

# Installs those of the packages $(1) that are not there yet, and says which.
define apt
	@missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(1) 2>/dev/null \
	  | sed -n 's/^installed //p' | sort -u | { printf '%s\n' $(1) | sort -u | comm -23 - /dev/fd/3; } 3<&0); \
	if [ -n "$$missing" ]; then \
	  echo "installing Debian packages:" $$missing; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get -qq update && apt-get -qq install --no-install-recommends $$missing; \
	fi
endef

$(stamps)/lab-packages: Makefile
	$(call apt,$(lab_packages))
	@mkdir -p $(@D) && touch $@

$(modules): package.json package-lock.json Makefile
	$(call apt,$(build_packages) $(node_packages))
	npm install --no-save --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

build/vagrant/frames: test/lab/frames.c
	$(call apt,gcc libc6-dev)
	@mkdir -p $(@D)
	gcc -O2 -static -o $@ $<

$(bundles): $(modules) $(sources)
	node scripts/build.js
	gcc -O2 -Wall -Wextra -Werror -o dist/hand-over hotplug/hand-over.c
	npx --no-install tsx scripts/documents.ts build
	@mkdir -p $(@D) && touch $@
