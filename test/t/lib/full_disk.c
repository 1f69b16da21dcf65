/*
 * Preloaded into a server: a disk that is full while the first byte of the file $FULL_DISK says so, 'd' for what
 * tables and indexes are in, 'w' for the log that is written ahead, 'b' for both. As on a real one, what makes a
 * file grow fails with ENOSPC, and what overwrites it does not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static const volatile char *full;

__attribute__((constructor)) static void open_flag(void)
{
    const char *path = getenv("FULL_DISK");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *mapped = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        full = mapped;
    close(file);
}

static int is_on_full_disk(int file)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    int is_log = strstr(path, "/pg_wal/") != NULL;
    int is_data = strstr(path, "/base/") != NULL;
    return (is_log && *full != 'd') || (is_data && *full != 'w');
}

/* Whether bytes up to `end` do not fit. An `end` of -1 stands for `count` bytes from where the file is. */
static int is_refused(int file, off_t end, size_t count)
{
    struct stat status;
    if (full == NULL || *full == '-')
        return 0;
    int saved = errno;
    int refused = 0;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
        if (end < 0)
            end = lseek(file, 0, SEEK_CUR) + (off_t)count;
        refused = end > status.st_size && is_on_full_disk(file);
    }
    errno = saved;
    return refused;
}

static size_t bytes_of(const struct iovec *parts, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; ++i)
        bytes += parts[i].iov_len;
    return bytes;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSE() (errno = ENOSPC, -1)

ssize_t write(int file, const void *bytes, size_t count)
{
    return is_refused(file, -1, count) ? REFUSE() : REAL(write)(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    return is_refused(file, offset + (off_t)count, 0) ? REFUSE() : REAL(pwrite)(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    return is_refused(file, offset + (off_t)count, 0) ? REFUSE() : REAL(pwrite64)(file, bytes, count, offset);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset)
{
    off_t end = offset + (off_t)bytes_of(parts, count);
    return is_refused(file, end, 0) ? REFUSE() : REAL(pwritev)(file, parts, count, offset);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset)
{
    off64_t end = offset + (off_t)bytes_of(parts, count);
    return is_refused(file, end, 0) ? REFUSE() : REAL(pwritev64)(file, parts, count, offset);
}

int posix_fallocate(int file, off_t offset, off_t length)
{
    return is_refused(file, offset + length, 0) ? ENOSPC : REAL(posix_fallocate)(file, offset, length);
}

int posix_fallocate64(int file, off64_t offset, off64_t length)
{
    return is_refused(file, offset + length, 0) ? ENOSPC : REAL(posix_fallocate64)(file, offset, length);
}

/* Nor is there any room to be seen. */
int statvfs(const char *path, struct statvfs *file_system)
{
    int result = REAL(statvfs)(path, file_system);
    if (result == 0 && full != NULL && *full != '-' && *full != 'w' && strstr(path, "base/") != NULL)
        file_system->f_bavail = 0;
    return result;
}
