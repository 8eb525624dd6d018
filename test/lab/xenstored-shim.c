/*
 * Stands in for the hypervisor, so that a real xenstored runs on a machine without Xen: preloaded,
 * it answers the calls into libxenevtchn, libxengnttab and libxenctrl that xenstored makes, and gives
 * it the two files in which a dom0 kernel names its own ring and event channel. Every domain
 * exists: nodes of any owner stay. Clients are on xenstored's socket, where they are dom0's; and, where
 * XENSTORED_SHIM_RING names a socket, on that: what they say goes over the ring of the one domain that is
 * introduced, as by /dev/xen/xenbus of a driver domain, one client after the other.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#define RING_SIZE 4096
#define DOMAIN_PORT 2

static char handle;

static uint8_t guest_ring[RING_SIZE] __attribute__((aligned(RING_SIZE)));

/* Event channels: to xenstored, and to the domain. */
static int to_xenstored = -1, to_domain = -1;

static void raise_event(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void take_event(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) > 0)
		;
}

/* Puts what the client says into the ring; 0 when it has hung up. */
static int forward_requests(int client, volatile struct xenstore_domain_interface *ring)
{
	char bytes[XENSTORE_RING_SIZE];
	uint32_t space = XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons);
	ssize_t length = space == 0 ? -1 : recv(client, bytes, space, MSG_DONTWAIT);

	if (length <= 0)
		return length != 0;
	for (ssize_t at = 0; at < length; at++)
		ring->req[MASK_XENSTORE_IDX(ring->req_prod + at)] = bytes[at];
	__sync_synchronize();
	ring->req_prod += length;
	raise_event(to_xenstored);
	return 1;
}

static void forward_replies(int client, volatile struct xenstore_domain_interface *ring)
{
	char bytes[XENSTORE_RING_SIZE];
	uint32_t length = ring->rsp_prod - ring->rsp_cons;

	if (length == 0)
		return;
	__sync_synchronize();
	for (uint32_t at = 0; at < length; at++)
		bytes[at] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons + at)];
	ring->rsp_cons += length;
	raise_event(to_xenstored);
	if (send(client, bytes, length, MSG_NOSIGNAL) < 0)
		return;
}

static void *serve_domain(void *listener)
{
	volatile struct xenstore_domain_interface *ring = (void *)guest_ring;

	for (;;) {
		int client = accept(*(int *)listener, NULL, NULL);
		struct pollfd waits[] = { { client, POLLIN, 0 }, { to_domain, POLLIN, 0 } };

		do {
			poll(waits, 2, ring->req_prod - ring->req_cons == XENSTORE_RING_SIZE ? 1 : -1);
			take_event(to_domain);
			forward_replies(client, ring);
		} while (forward_requests(client, ring));
		close(client);
	}
	return NULL;
}

static void open_ring(void)
{
	static int listener;
	const char *path = getenv("XENSTORED_SHIM_RING");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;

	to_xenstored = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	to_domain = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (path == NULL)
		return;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 8) ||
	    pthread_create(&thread, NULL, serve_domain, &listener))
		abort();
}

void *xenevtchn_open(void *logger, unsigned flags)
{
	open_ring();
	return &handle;
}
void *xenevtchn_fdopen(void *logger, int fd, unsigned flags) { return &handle; }
int xenevtchn_fd(void *xce)
{
	return to_xenstored;
}
int xenevtchn_bind_interdomain(void *xce, uint32_t domid, uint32_t port) { return DOMAIN_PORT; }
int xenevtchn_bind_virq(void *xce, unsigned virq) { return DOMAIN_PORT + 1; }
int xenevtchn_notify(void *xce, uint32_t port)
{
	raise_event(to_domain);
	return 0;
}
int xenevtchn_pending(void *xce)
{
	take_event(to_xenstored);
	return DOMAIN_PORT;
}
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
