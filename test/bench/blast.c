/*
 * Usage: blast IFACE MILLISECONDS <FRAME
 *
 * Sends the frame that stdin holds over and over, many per system call (sendmmsg(2)), and prints for how many
 * milliseconds it did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 1514
#define BATCH 64

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
    static char frame[LONGEST];
    static struct mmsghdr messages[BATCH];
    if (argc != 3) {
        fputs("usage: blast IFACE MILLISECONDS <FRAME\n", stderr);
        return 2;
    }
    ssize_t length = read(STDIN_FILENO, frame, sizeof frame);
    if (length <= 0) die("no frame on stdin");
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
    struct iovec part = {.iov_base = frame, .iov_len = length};
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0) die("socket(AF_PACKET)");
    double start = now(), end = start + atof(argv[2]);
    while (now() < end)
        if (sendmmsg(fd, messages, BATCH, 0) < 0 && errno != ENOBUFS) die("sendmmsg");
    printf("%.3f\n", now() - start);
    return 0;
}
