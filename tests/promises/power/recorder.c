/* Records, in the order in which they happen, all changes that a process makes to the files under
 * one directory, and what it says to its standard output and error.
 *
 *   LD_PRELOAD=recorder.so POWER_ROOT=/the/directory POWER_LOG=/a/file/elsewhere program ...
 *
 * One lock is held around each call and its record, so that the order of records is the order of
 * the changes, whichever thread makes them. A record is a `struct head`, a path, a second path (of
 * a rename or link) and the data; numbers are in the machine's byte order. Memory that is mapped
 * (SQLite's -shm) is not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, LINK, UNLINK, MKDIR, RMDIR, SAY };

struct head {
    uint32_t kind, path_length, other_length, reserved;
    uint64_t inode, offset, length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void)
{
    const char *directory = getenv("POWER_ROOT"), *log = getenv("POWER_LOG");
    if (!directory || !log) return;
    root_length = strlen(strcpy(root, directory));
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, fd);
    if (log_fd < 0) {
        perror("recorder");
        abort();
    }
}

static int is_ours(const char *path)
{
    return root_length && !strncmp(path, root, root_length)
        && (path[root_length] == '/' || !path[root_length]);
}

/* Append a record; a log with a hole would prove nothing, so a failure ends the process. */
static void record(enum kind kind, const char *path, const char *other, uint64_t inode,
                   uint64_t offset, const void *data, size_t length, uint64_t number)
{
    struct head head = {kind, (uint32_t)strlen(path), (uint32_t)strlen(other), 0,
                        inode, offset, data ? length : number};
    struct iovec parts[] = {
        {&head, sizeof head},
        {(void *)path, head.path_length},
        {(void *)other, head.other_length},
        {(void *)data, data ? length : 0},
    };
    ssize_t whole = (ssize_t)(sizeof head + head.path_length + head.other_length + parts[3].iov_len);
    if (syscall(SYS_writev, log_fd, parts, 4) != whole) abort();
}

static int is_nameless(const char *path)
{
    static const char mark[] = " (deleted)";
    size_t length = strlen(path);
    return length >= sizeof mark - 1 && !strcmp(path + length - (sizeof mark - 1), mark);
}

/* The path of an open file, "" if it is none of ours or has no name that a cut could leave. */
static const char *path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = log_fd < 0 ? -1 : readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    if (!is_ours(path) || is_nameless(path)) *path = 0;
    return path;
}

/* The absolute path of a name, "" if it is none of ours. */
static const char *path_at(int directory, const char *name, char *path)
{
    char base[PATH_MAX] = "";
    if (log_fd < 0) return strcpy(path, "");
    if (*name != '/') {
        if (directory == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) *base = 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
            ssize_t length = readlink(link, base, sizeof base - 1);
            base[length < 0 ? 0 : length] = 0;
        }
    }
    snprintf(path, PATH_MAX, "%s%s%s", base, *name == '/' ? "" : "/", name);
    if (!is_ours(path)) *path = 0;
    return path;
}

static uint64_t inode_of(int fd)
{
    struct stat64 found;
    return syscall(SYS_fstat, fd, &found) ? 0 : found.st_ino;
}

/* ---- data */

static off64_t place_of(int fd)
{
    struct stat64 found;
    if ((fcntl(fd, F_GETFL) & O_APPEND) && !syscall(SYS_fstat, fd, &found)) return found.st_size;
    return lseek64(fd, 0, SEEK_CUR);
}

static ssize_t written(int fd, off64_t offset, const void *data, ssize_t length)
{
    char path[PATH_MAX];
    int error = errno;
    if (length > 0 && log_fd >= 0) {
        if (fd == 1 || fd == 2)
            record(SAY, "", "", (uint64_t)fd, 0, data, (size_t)length, 0);
        else if (*path_of(fd, path))
            record(WRITE, path, "", inode_of(fd), (uint64_t)offset, data, (size_t)length, 0);
    }
    errno = error;
    return length;
}

ssize_t write(int fd, const void *data, size_t length)
{
    REAL(write);
    pthread_mutex_lock(&lock);
    off64_t offset = place_of(fd);
    ssize_t done = written(fd, offset, data, real(fd, data, length));
    pthread_mutex_unlock(&lock);
    return done;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t length, offset_type offset) \
    { \
        REAL(name); \
        pthread_mutex_lock(&lock); \
        ssize_t done = written(fd, offset, data, real(fd, data, length, offset)); \
        pthread_mutex_unlock(&lock); \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Calls that nothing here makes: whoever begins to must teach the recorder to see them. */
#define UNSEEN(type, name, parameters, fd, call) \
    type name parameters \
    { \
        REAL(name); \
        char path[PATH_MAX]; \
        if (*path_of(fd, path)) { \
            fprintf(stderr, "recorder: " #name " on %s is not recorded\n", path); \
            abort(); \
        } \
        return real call; \
    }
UNSEEN(ssize_t, writev, (int fd, const struct iovec *v, int n), fd, (fd, v, n))
UNSEEN(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t o), fd, (fd, v, n, o))
UNSEEN(ssize_t, pwritev64, (int fd, const struct iovec *v, int n, off64_t o), fd, (fd, v, n, o))
UNSEEN(int, fallocate, (int fd, int m, off_t o, off_t n), fd, (fd, m, o, n))
UNSEEN(int, fallocate64, (int fd, int m, off64_t o, off64_t n), fd, (fd, m, o, n))
UNSEEN(int, posix_fallocate, (int fd, off_t o, off_t n), fd, (fd, o, n))
UNSEEN(int, posix_fallocate64, (int fd, off64_t o, off64_t n), fd, (fd, o, n))
UNSEEN(ssize_t, copy_file_range,
       (int in, off64_t *i, int fd, off64_t *o, size_t n, unsigned f), fd, (in, i, fd, o, n, f))
ssize_t sendfile(int, int, off_t *, size_t);
ssize_t sendfile64(int, int, off64_t *, size_t);
UNSEEN(ssize_t, sendfile, (int fd, int in, off_t *o, size_t n), fd, (fd, in, o, n))
UNSEEN(ssize_t, sendfile64, (int fd, int in, off64_t *o, size_t n), fd, (fd, in, o, n))

static int changed(enum kind kind, int fd, uint64_t number, int result)
{
    char path[PATH_MAX];
    int error = errno;
    if (!result && *path_of(fd, path)) record(kind, path, "", inode_of(fd), 0, NULL, 0, number);
    errno = error;
    return result;
}

#define CHANGING(kind, name, parameters, number, call) \
    int name parameters \
    { \
        REAL(name); \
        pthread_mutex_lock(&lock); \
        int done = changed(kind, fd, (uint64_t)(number), real call); \
        pthread_mutex_unlock(&lock); \
        return done; \
    }
CHANGING(TRUNCATE, ftruncate, (int fd, off_t size), size, (fd, size))
CHANGING(TRUNCATE, ftruncate64, (int fd, off64_t size), size, (fd, size))
CHANGING(SYNC, fsync, (int fd), 0, (fd))
CHANGING(SYNC, fdatasync, (int fd), 0, (fd))

/* ---- names */

static int opened(int fd, const char *path, int flags, int was_there)
{
    char place[PATH_MAX];
    int error = errno;
    if (fd >= 0 && *path && *path_of(fd, place)) {
        if (!was_there)
            record(CREATE, place, "", inode_of(fd), 0, NULL, 0, 0);
        else if (flags & O_TRUNC)
            record(TRUNCATE, place, "", inode_of(fd), 0, NULL, 0, 0);
    }
    errno = error;
    return fd;
}

static int opening(int directory, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat64 found;
    if (!(flags & (O_CREAT | O_TRUNC)))
        return (int)syscall(SYS_openat, directory, name, flags, mode);
    pthread_mutex_lock(&lock);
    path_at(directory, name, path);
    int was_there = !*path || !syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0);
    int fd = (int)syscall(SYS_openat, directory, name, flags, mode);
    opened(fd, path, flags, was_there);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, last); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...)
{
    MODE(flags)
    return opening(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    MODE(flags)
    return opening(AT_FDCWD, name, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char *name, int flags, ...)
{
    MODE(flags)
    return opening(directory, name, flags, mode);
}

int openat64(int directory, const char *name, int flags, ...)
{
    MODE(flags)
    return opening(directory, name, flags | O_LARGEFILE, mode);
}

/* Record the change of one name, or of two; the paths are made before the change. */
static int named(enum kind kind, const char *path, const char *other, int result)
{
    struct stat64 found;
    int error = errno;
    if (!result && (*path || *other)) {
        const char *inode = kind == MKDIR ? path : other;
        found.st_ino = 0;
        if (*inode) syscall(SYS_newfstatat, AT_FDCWD, inode, &found, AT_SYMLINK_NOFOLLOW);
        record(kind, path, other, found.st_ino, 0, NULL, 0, 0);
    }
    errno = error;
    return result;
}

#define NAMING(kind, name, parameters, directory, call) \
    int name parameters \
    { \
        REAL(name); \
        char path[PATH_MAX]; \
        pthread_mutex_lock(&lock); \
        path_at(directory, file, path); \
        int done = named(kind, path, "", real call); \
        pthread_mutex_unlock(&lock); \
        return done; \
    }
NAMING(MKDIR, mkdir, (const char *file, mode_t mode), AT_FDCWD, (file, mode))
NAMING(MKDIR, mkdirat, (int at, const char *file, mode_t mode), at, (at, file, mode))
NAMING(RMDIR, rmdir, (const char *file), AT_FDCWD, (file))
NAMING(UNLINK, unlink, (const char *file), AT_FDCWD, (file))
NAMING(flags & AT_REMOVEDIR ? RMDIR : UNLINK, unlinkat, (int at, const char *file, int flags), at,
       (at, file, flags))

#define NAMING_TWO(kind, name, parameters, from_at, to_at, call) \
    int name parameters \
    { \
        REAL(name); \
        char path[PATH_MAX], other[PATH_MAX]; \
        pthread_mutex_lock(&lock); \
        path_at(from_at, from, path); \
        path_at(to_at, to, other); \
        int done = named(kind, path, other, real call); \
        pthread_mutex_unlock(&lock); \
        return done; \
    }
NAMING_TWO(RENAME, rename, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, (from, to))
NAMING_TWO(RENAME, renameat, (int a, const char *from, int b, const char *to), a, b,
           (a, from, b, to))
NAMING_TWO(LINK, link, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, (from, to))
NAMING_TWO(LINK, linkat, (int a, const char *from, int b, const char *to, int flags), a, b,
           (a, from, b, to, flags))
