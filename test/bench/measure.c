/*
 * Usage: measure COMMAND ARGUMENT...
 *
 * Runs a command and prints, when it has ended: its exit status, the wall time, and the CPU time (user and
 * system) of it and of every descendant that was waited for; times in milliseconds. What the command itself
 * prints goes to stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(127);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double milliseconds(struct timeval time)
{
    return time.tv_sec * 1e3 + time.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    if (argc < 2) {
        fputs("usage: measure COMMAND ARGUMENT...\n", stderr);
        return 2;
    }
    double start = now();
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[1], argv + 1);
        die(argv[1]);
    }
    if (wait4(child, &status, 0, &usage) < 0) die("wait4");
    double wall = now() - start, cpu = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    printf("%d %.3f %.3f\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, wall, cpu);
    return 0;
}
