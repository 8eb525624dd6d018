/*
 * Usage: hand-over EVENT...
 *
 * Hands xl's event to `vifguard watch`, if that runs in this network namespace, and ends with its exit status: 0,
 * or 1 with the reason on stderr. Any other status means that the event was not handled: the caller has to.
 *
 * Sent: the arguments, an empty string, and xl's environment as NAME=VALUE, each ended by a NUL; then the end of
 * the stream. Answered: a dot now and then while it works; at last `=`, the digit of the status and the message,
 * or `-` when it leaves the event to the caller.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { NOT_DONE = 75 };

/* A watch that is at work says so twice a second; after this silence it hangs. xl gives 40 s in all. */
static const struct timeval SILENCE = { .tv_sec = 5 };

/* What libxl sets (libxl_linux.c), and what leads us elsewhere. */
static const char *const NAMES[] = { "script", "vif", "INTERFACE", "netdev", "XENBUS_TYPE", "XENBUS_PATH",
    "XENBUS_BASE_PATH", "VIFGUARD_CONF", "XENSTORED_PATH" };

static int connect_watch(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat namespace;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || stat("/proc/self/ns/net", &namespace) != 0)
        exit(NOT_DONE);
    snprintf(address.sun_path, sizeof address.sun_path, "/run/vifguard/net-%lu/watch.sock",
        (unsigned long)namespace.st_ino);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &SILENCE, sizeof SILENCE);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &SILENCE, sizeof SILENCE);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        exit(NOT_DONE);
    return fd;
}

static void send_event(FILE *watch, char **arguments)
{
    for (; *arguments != NULL; arguments++)
        fprintf(watch, "%s%c", *arguments, 0);
    fputc(0, watch);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *value = getenv(NAMES[i]);
        if (value != NULL)
            fprintf(watch, "%s=%s%c", NAMES[i], value, 0);
    }
    fflush(watch);
}

/* It may hold the lock that whoever does its work needs. A hung process cannot be asked to end. */
static void end_hung_watch(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 1 && kill(peer.pid, SIGKILL) == 0)
        fprintf(stderr, "vif-guard: \"vifguard watch\" (process %d) hung, and was killed\n", (int)peer.pid);
    exit(NOT_DONE);
}

static char next_octet(int fd)
{
    char octet;
    ssize_t count;
    do
        count = recv(fd, &octet, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        end_hung_watch(fd);
    if (count != 1)
        exit(NOT_DONE);
    return octet;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    int fd = connect_watch();
    FILE *watch = fdopen(fd, "w");
    if (argc < 2 || watch == NULL)
        return NOT_DONE;
    send_event(watch, argv + 1);
    shutdown(fd, SHUT_WR);
    char answer;
    while ((answer = next_octet(fd)) == '.')
        ;
    if (answer != '=')
        return NOT_DONE;
    int status = next_octet(fd) - '0';
    if (status != 0 && status != 1)
        return NOT_DONE;
    char message[4096];
    for (ssize_t count; (count = recv(fd, message, sizeof message, 0)) > 0;)
        if (write(STDERR_FILENO, message, count) < 0)
            break;
    return status;
}
