/*
 * Preloaded into node: SIGKILL for it before or after it hands the kernel a transaction of nf_tables. The file
 * VIFGUARD_TEST_KILL says at which call, and when: "3 before". Calls of tools count there, too (kill.ts).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_transaction(long number, const struct nlmsghdr *message, long length)
{
    return number == SYS_sendto && length >= (long)sizeof *message && message->nlmsg_type == NFNL_MSG_BATCH_BEGIN;
}

/* Whether the moment has come at this call, which is one less to go. */
static const char *count_down(void)
{
    static char moment[16];
    int left = 0;
    FILE *file = fopen(getenv("VIFGUARD_TEST_KILL"), "r+");
    if (file == NULL || fscanf(file, "%d %15s", &left, moment) != 2)
        abort();
    rewind(file);
    fprintf(file, "%d %s\n", left - 1, moment);
    fclose(file);
    return left == 1 ? moment : "";
}

/* Not the pool's thread alone: the whole process. */
static void end_at(const char *now, const char *wanted)
{
    if (strcmp(now, wanted) == 0)
        kill(getpid(), SIGKILL);
}

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    if (!is_transaction(number, (const void *)a[1], a[2]))
        return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    const char *moment = count_down();
    end_at("before", moment);
    long result = next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    end_at("after", moment);
    return result;
}
