/*
 * Preloaded into a server: what it flushes of the log that is written ahead does not reach the disk while the file
 * $HELD_FLUSH exists. On a standby the log is received and written then, and not flushed.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the server calls for the log alone, with wal_sync_method = fdatasync. */
int
fdatasync(int file)
{
	const char *held = getenv("HELD_FLUSH");

	while (held != NULL && access(held, F_OK) == 0)
		usleep(500);
	return (int) syscall(SYS_fdatasync, file);
}
