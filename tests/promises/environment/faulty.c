/* Lets calls of the C library fail, and the clock be wrong, in a program that preloads this.

FAULTY is CALL:PATH:ERRNO:FIRST:COUNT, such as sync:state.db-wal:5:3:1. From the FIRST call on of
one kind (read, write, sync, rename) on a file whose path ends in PATH, COUNT calls fail with ERRNO.
FAULTY_LOG is a file to which a line is written for each call that failed.
FAULTY_NOW is a file that holds two doubles, which may change at any time: the seconds by which the
clock is ahead, and 1 if calls are to fail now; those that are made before do not count. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char kind[16], suffix[256];
static int error_number;
static long first, count, seen;
static const volatile double *now_;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void prepare(void) {
    const char *spec = getenv("FAULTY"), *now = getenv("FAULTY_NOW");
    if (spec && sscanf(spec, "%15[^:]:%255[^:]:%d:%ld:%ld", kind, suffix, &error_number, &first,
                       &count) != 5)
        abort();
    if (now) {
        int file = open(now, O_RDONLY);
        void *place = mmap(NULL, 2 * sizeof(double), PROT_READ, MAP_SHARED, file, 0);
        if (place == MAP_FAILED) abort();
        now_ = place;
        close(file);
    }
}

static void tell(const char *path) {
    const char *log = getenv("FAULTY_LOG");
    int file = log ? open(log, O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;
    if (file < 0) return;
    dprintf(file, "%s %s\n", kind, path);
    close(file);
}

static int fails_at(const char *call, const char *path) {
    size_t length = strlen(path), wanted = strlen(suffix);
    if (now_ && !now_[1]) return 0;
    if (strcmp(kind, call) || length < wanted || strcmp(path + length - wanted, suffix)) return 0;
    long number = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (number < first || number >= first + count) return 0;
    tell(path);
    errno = error_number;
    return 1;
}

static int fails(const char *call, int file) {
    char link[64], path[4096];
    if (strcmp(kind, call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails_at(call, path);
}

ssize_t write(int file, const void *data, size_t size) {
    REAL(write);
    return kind[0] && fails("write", file) ? -1 : real(file, data, size);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    REAL(pwrite64);
    return fails("write", file) ? -1 : real(file, data, size, offset);
}

ssize_t pread64(int file, void *data, size_t size, off64_t offset) {
    REAL(pread64);
    return fails("read", file) ? -1 : real(file, data, size, offset);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    return pwrite64(file, data, size, offset);
}

ssize_t pread(int file, void *data, size_t size, off_t offset) {
    return pread64(file, data, size, offset);
}

int fsync(int file) {
    REAL(fsync);
    return fails("sync", file) ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return fails("sync", file) ? -1 : real(file);
}

int rename(const char *old, const char *new) {
    REAL(rename);
    return fails_at("rename", new) ? -1 : real(old, new);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(which, now);
    if (!result && now_ && which == CLOCK_REALTIME) {
        now->tv_sec += (time_t)now_[0];
    }
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
