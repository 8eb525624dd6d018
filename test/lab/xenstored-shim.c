/*
 * Stands in for the hypervisor, so that a real xenstored runs on a machine without Xen: preloaded,
 * it answers the calls into libxenevtchn, libxengnttab and libxenctrl that xenstored makes, and gives
 * it the two files in which a dom0 kernel names its own ring and event channel. No event ever comes,
 * so the only clients are those on the socket. Every domain exists: nodes of any owner stay.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_SIZE 4096

static char handle;

static uint8_t guest_ring[RING_SIZE] __attribute__((aligned(RING_SIZE)));

void *xenevtchn_open(void *logger, unsigned flags) { return &handle; }
void *xenevtchn_fdopen(void *logger, int fd, unsigned flags) { return &handle; }
int xenevtchn_fd(void *xce)
{
	static int never = -1;

	if (never < 0)
		never = eventfd(0, EFD_CLOEXEC);
	return never;
}
int xenevtchn_bind_interdomain(void *xce, uint32_t domid, uint32_t port) { return 2; }
int xenevtchn_bind_virq(void *xce, unsigned virq) { return 1; }
int xenevtchn_notify(void *xce, uint32_t port) { return 0; }
int xenevtchn_pending(void *xce) { return -1; }
int xenevtchn_unbind(void *xce, uint32_t port) { return 0; }
int xenevtchn_unmask(void *xce, uint32_t port) { return 0; }

void *xengnttab_open(void *logger, unsigned flags) { return &handle; }
int xengnttab_close(void *xgt) { return 0; }
int xengnttab_set_max_grants(void *xgt, uint32_t count) { return 0; }
void *xengnttab_map_grant_ref(void *xgt, uint32_t domid, uint32_t ref, int prot) { return guest_ring; }
int xengnttab_unmap(void *xgt, void *address, uint32_t count) { return 0; }

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags) { return &handle; }
int xc_interface_close(void *xch) { return 0; }

/* The head of xc_dominfo_t (xenctrl.h), all that xenstored looks at: number and state bits. */
struct dominfo_head {
	uint32_t domid, ssidref, state;
};

int xc_domain_getinfo(void *xch, uint32_t first, unsigned max, struct dominfo_head *info)
{
	memset(info, 0, sizeof(*info));
	info->domid = first;
	return 1;
}

static int file_holding(const void *content, size_t size)
{
	int fd = memfd_create("xsd", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, content, size, 0) != (ssize_t)size)
		return -1;
	return fd;
}

int open(const char *path, int flags, ...)
{
	static int (*libc_open)(const char *, int, ...);
	va_list args;
	mode_t mode;

	if (!strcmp(path, "/proc/xen/xsd_port"))
		return file_holding("1", 1);
	if (!strcmp(path, "/proc/xen/xsd_kva"))
		return file_holding(guest_ring, RING_SIZE);
	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (!libc_open)
		libc_open = dlsym(RTLD_NEXT, "open");
	return libc_open(path, flags, mode);
}
