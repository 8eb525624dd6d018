/*
 * Raw Ethernet frames for the lab, over AF_PACKET (packet(7)).
 *
 *   frames inject  IFACE              each stdin line, a frame in hex, is sent; answer "sent" or an errno name
 *                                     the line "link" is answered "up" or "down"
 *   frames capture SOURCE...          prints "ready", then each received frame in hex, its VLAN tag put back,
 *                                     and an empty line after each round through all sources; a line on stdin
 *                                     is answered "flushed" once all that had arrived is printed
 *   frames count   SOURCE... -- HEX...  counts received frames that hold a marker; prints one number per
 *                                     marker when stdin ends
 *   frames flood   IFACE N[s]         sends the frame on stdin N times, or for N seconds, and prints how
 *                                     many the kernel took; goes on while IFACE is away or down
 *   frames pour    IFACE...           the stdin lines up to an empty one, each a frame in hex, are sent in turn, on
 *                                     one IFACE after the other, until stdin ends, also while an IFACE is away or
 *                                     down; prints "ready", and for a further line, and at the end, how many of
 *                                     each the kernel took
 *
 * SOURCE is IFACE (promiscuous, every protocol), IFACE=own (what the station itself gets) or
 * *=ETHERTYPE (what reaches the stack with that ethertype, on any interface but a bridge).
 *
 * Every sender runs on one CPU, the same one for all children of a parent: a veth hands a frame to the
 * backlog of the sender's CPU, so frames keep the order in which they were sent, across namespaces.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FRAME 65600
#define MAX_SOURCES 16
#define MAX_MARKERS 16
#define ROUNDS_AT_ONCE 8
#define VLAN_OFFSET 12
#define VLAN_LENGTH 4

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static void stay_on_one_cpu(void)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) die("sched_getaffinity: %s", strerror(errno));
    int rank = getppid() % CPU_COUNT(&allowed), cpu = 0;
    while (!CPU_ISSET(cpu, &allowed) || rank-- > 0) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0) die("sched_setaffinity: %s", strerror(errno));
}

static int packet_socket(int protocol)
{
    int fd = socket(AF_PACKET, SOCK_RAW, htons(protocol));
    if (fd < 0) die("socket(AF_PACKET): %s", strerror(errno));
    return fd;
}

static struct sockaddr_ll address_of(const char *iface, int protocol)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
    address.sll_ifindex = if_nametoindex(iface);
    return address;
}

static struct sockaddr_ll address_or_die(const char *iface, int protocol)
{
    struct sockaddr_ll address = address_of(iface, protocol);
    if (address.sll_ifindex == 0) die("no interface %s: %s", iface, strerror(errno));
    return address;
}

static size_t from_hex(const char *text, unsigned char *bytes)
{
    size_t length = 0;
    unsigned value;
    while (length < MAX_FRAME && sscanf(text + 2 * length, "%2x", &value) == 1) bytes[length++] = value;
    return length;
}

static void print_hex(const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    static char text[2 * MAX_FRAME + 2];
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 15];
    }
    text[at++] = '\n';
    fwrite(text, 1, at, stdout);
}

static char *read_line(void)
{
    static char *line;
    static size_t size;
    ssize_t length = getline(&line, &size, stdin);
    if (length < 0) return NULL;
    line[strcspn(line, "\n")] = '\0';
    return line;
}

/* IFF_RUNNING shows up just before the queue opens, under RTNL; a change of nothing waits for RTNL. */
static const char *link_state(int fd, const char *iface)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", iface);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_RUNNING)) return "down";
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? "down" : "up";
}

static int inject(const char *iface)
{
    static unsigned char frame[MAX_FRAME];
    struct sockaddr_ll address = address_or_die(iface, 0);
    int fd = packet_socket(0);
    char *line;
    stay_on_one_cpu();
    puts("ready");
    while ((line = read_line())) {
        if (strcmp(line, "link") == 0) {
            puts(link_state(fd, iface));
            continue;
        }
        size_t length = from_hex(line, frame);
        ssize_t sent = sendto(fd, frame, length, 0, (struct sockaddr *)&address, sizeof address);
        puts(sent < 0 ? strerrorname_np(errno) : "sent");
    }
    return 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Whether the kernel took a frame; an interface that has gone is looked for again by the next one. */
static bool took(int fd, const char *iface, struct sockaddr_ll *address, const unsigned char *frame, size_t length)
{
    if (sendto(fd, frame, length, 0, (struct sockaddr *)address, sizeof *address) >= 0) return true;
    if (errno == ENXIO || errno == ENODEV || address->sll_ifindex == 0) *address = address_of(iface, 0);
    return false;
}

static int flood(const char *iface, const char *amount)
{
    static unsigned char frame[MAX_FRAME];
    char *unit, *line = read_line();
    if (!line) die("flood: no frame on stdin");
    size_t length = from_hex(line, frame);
    long limit = strtol(amount, &unit, 10);
    bool timed = strcmp(unit, "s") == 0;
    double start = now();
    struct sockaddr_ll address = address_of(iface, 0);
    int fd = packet_socket(0);
    long taken = 0, tried = 0;
    stay_on_one_cpu();
    for (; timed ? (tried % 64 != 0 || now() - start < limit) : taken < limit; tried++) {
        taken += took(fd, iface, &address, frame, length);
        if (!timed && tried >= 2 * limit) break;
    }
    printf("%ld %.6f\n", taken, now() - start);
    return 0;
}

static void set(int fd, int level, int option, int value, const char *name)
{
    if (setsockopt(fd, level, option, &value, sizeof value) < 0) die("%s: %s", name, strerror(errno));
}

struct source {
    int fd;
    bool any;
};

/* Nothing is received before the socket is bound to its interface: it starts out with no protocol. */
static struct source open_source(char *source)
{
    char *filter = strchr(source, '=');
    bool own = filter && strcmp(filter, "=own") == 0;
    if (filter) *filter++ = '\0';
    bool any = strcmp(source, "*") == 0;
    int protocol = any ? (int)strtol(filter ? filter : "", NULL, 16) : ETH_P_ALL;
    int fd = packet_socket(0);
    struct sockaddr_ll address = any ? (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_protocol = htons(protocol)}
                                     : address_or_die(source, protocol);
    set(fd, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
    set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
    set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20, "SO_RCVBUFFORCE");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind %s: %s", source, strerror(errno));
    if (!any && !own) {
        struct packet_mreq request = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
        if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) < 0)
            die("promiscuous mode on %s: %s", source, strerror(errno));
    }
    return (struct source){.fd = fd, .any = any};
}

static bool is_bridge(int index)
{
    char name[IF_NAMESIZE], path[64];
    if (!if_indextoname(index, name)) return false;
    snprintf(path, sizeof path, "/sys/class/net/%s/bridge", name);
    return access(path, F_OK) == 0;
}

/* The kernel takes a VLAN tag out of the frame; packet(7) tells how to know it, here it goes back in. */
static ssize_t receive(struct source source, unsigned char *frame)
{
    unsigned char *start = frame + VLAN_LENGTH;
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))]; } control;
    struct iovec part = {.iov_base = start, .iov_len = MAX_FRAME};
    struct sockaddr_ll from;
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(source.fd, &message, MSG_DONTWAIT);
    if (length < 0) return length;
    if (source.any && is_bridge(from.sll_ifindex)) return 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        struct tpacket_auxdata *aux = (struct tpacket_auxdata *)CMSG_DATA(c);
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
        if (!(aux->tp_status & TP_STATUS_VLAN_VALID)) continue;
        unsigned short tag[2] = {htons(aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETH_P_8021Q),
                                 htons(aux->tp_vlan_tci)};
        memmove(frame, start, VLAN_OFFSET);
        memcpy(frame + VLAN_OFFSET, tag, VLAN_LENGTH);
        return length + VLAN_LENGTH;
    }
    memmove(frame, start, length);
    return length;
}

/* How many lines have come on stdin, or -1 when it has ended. */
static int lines_on_stdin(void)
{
    char text[256];
    ssize_t length = read(STDIN_FILENO, text, sizeof text);
    if (length <= 0) return -1;
    int lines = 0;
    for (ssize_t i = 0; i < length; i++) lines += text[i] == '\n';
    return lines;
}

static struct { unsigned char bytes[MAX_FRAME]; size_t length; long taken; } poured[MAX_MARKERS];

static void print_poured(int count)
{
    for (int i = 0; i < count; i++) printf("%ld%c", poured[i].taken, i + 1 < count ? ' ' : '\n');
    fflush(stdout);
}

static int pour(char **ifaces, int number)
{
    struct sockaddr_ll addresses[MAX_SOURCES];
    if (number > MAX_SOURCES) die("pour: at most %d interfaces", MAX_SOURCES);
    for (int i = 0; i < number; i++) addresses[i] = address_of(ifaces[i], 0);
    int count = 0;
    for (char *line; (line = read_line()) && *line;) {
        if (count == MAX_MARKERS) die("pour: at most %d frames", MAX_MARKERS);
        poured[count].length = from_hex(line, poured[count].bytes);
        count++;
    }
    if (count == 0) die("pour: no frame on stdin");
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int fd = packet_socket(0);
    stay_on_one_cpu();
    puts("ready");
    fflush(stdout);
    for (int lines = 0; lines >= 0;) {
        bool any = false;
        for (int i = 0; i < ROUNDS_AT_ONCE * count * number; i++) {
            int on = i % number;
            bool taken = took(fd, ifaces[on], &addresses[on], poured[i % count].bytes, poured[i % count].length);
            poured[i % count].taken += taken;
            any |= taken;
        }
        /* While the interface takes nothing, others get the CPU. */
        lines = poll(&input, 1, any ? 0 : 1) > 0 ? lines_on_stdin() : 0;
        if (lines != 0) print_poured(count);
    }
    return 0;
}

/* Calls `seen` for each frame until stdin ends, and then for those that had already arrived. */
static void receive_until_eof(char **names, int count, void (*seen)(const unsigned char *, size_t),
                              void (*round_over)(int lines))
{
    static unsigned char frame[MAX_FRAME + VLAN_LENGTH];
    struct source sources[MAX_SOURCES];
    struct pollfd polls[MAX_SOURCES + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    if (count > MAX_SOURCES) die("at most %d sources", MAX_SOURCES);
    for (int i = 0; i < count; i++) {
        sources[i] = open_source(names[i]);
        polls[i + 1] = (struct pollfd){.fd = sources[i].fd, .events = POLLIN};
    }
    puts("ready");
    fflush(stdout);
    for (int lines = 0; lines >= 0;) {
        if (poll(polls, count + 1, -1) < 0) die("poll: %s", strerror(errno));
        lines = polls[0].revents == 0 ? 0 : lines_on_stdin();
        for (int i = 0; i < count; i++)
            for (ssize_t length; (length = receive(sources[i], frame)) >= 0;)
                if (length > 0) seen(frame, length);
        round_over(lines);
    }
}

static void end_round(int lines)
{
    putchar('\n');
    while (lines-- > 0) puts("flushed");
    fflush(stdout);
}

static int capture(char **sources, int count)
{
    receive_until_eof(sources, count, print_hex, end_round);
    return 0;
}

static struct { unsigned char bytes[MAX_FRAME]; size_t length; long seen; } markers[MAX_MARKERS];
static int marker_count;

static void count_markers(const unsigned char *frame, size_t length)
{
    for (int i = 0; i < marker_count; i++)
        if (memmem(frame, length, markers[i].bytes, markers[i].length)) markers[i].seen++;
}

static void keep_counting(int lines)
{
    (void)lines;
}

static int count(char **arguments, int number)
{
    int sources = 0;
    while (sources < number && strcmp(arguments[sources], "--") != 0) sources++;
    marker_count = number - sources - 1;
    if (marker_count < 1 || marker_count > MAX_MARKERS) die("count: 1 to %d markers after --", MAX_MARKERS);
    for (int i = 0; i < marker_count; i++)
        markers[i].length = from_hex(arguments[sources + 1 + i], markers[i].bytes);
    receive_until_eof(arguments, sources, count_markers, keep_counting);
    for (int i = 0; i < marker_count; i++) printf("%ld\n", markers[i].seen);
    return 0;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    setvbuf(stdout, NULL, strcmp(verb, "inject") == 0 ? _IOLBF : _IOFBF, 1 << 16);
    if (strcmp(verb, "inject") == 0) return inject(argv[2]);
    if (strcmp(verb, "capture") == 0) return capture(argv + 2, argc - 2);
    if (strcmp(verb, "count") == 0) return count(argv + 2, argc - 2);
    if (strcmp(verb, "flood") == 0 && argc == 4) return flood(argv[2], argv[3]);
    if (strcmp(verb, "pour") == 0) return pour(argv + 2, argc - 2);
    die("usage: frames inject|capture|count|flood|pour IFACE ...");
}
