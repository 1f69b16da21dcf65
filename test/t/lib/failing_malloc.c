/*
 * A server in which memory runs out where a test says so. Preloaded into it, this stands before libc's malloc;
 * loaded again by CREATE FUNCTION, it is the same library, whose SQL functions say which allocation fails:
 *
 *   fail_allocations(first bigint, how_many bigint, libraries text)
 *       from the first-th on (counted from 0), of those that come from libraries whose paths contain one of these
 *       words (separated by commas)
 *   stop_failing() RETURNS bigint       how many have failed
 *   memory_in_use() RETURNS bigint      bytes that malloc has handed out and not got back
 */
#include "postgres.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>

#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

/* libc's own, under names that nothing stands before */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

#define MOST_LIBRARIES 8

static bool armed;
static int64 to_pass;
static int64 to_fail;
static int64 failed;
static char names[256];
static const char *libraries[MOST_LIBRARIES];
static int	library_count;

static bool
is_watched(const void *caller)
{
	Dl_info		info;

	if (dladdr(caller, &info) == 0 || info.dli_fname == NULL)
		return false;
	for (int i = 0; i < library_count; i++)
		if (strstr(info.dli_fname, libraries[i]) != NULL)
			return true;
	return false;
}

static bool
fails(const void *caller)
{
	if (!armed || !is_watched(caller))
		return false;
	if (to_pass > 0)
	{
		to_pass--;
		return false;
	}
	if (to_fail == 0)
		return false;
	to_fail--;
	failed++;
	errno = ENOMEM;
	return true;
}

PGDLLEXPORT void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

PGDLLEXPORT void *
calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

PGDLLEXPORT void *
realloc(void *block, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}

PG_FUNCTION_INFO_V1(fail_allocations);
Datum
fail_allocations(PG_FUNCTION_ARGS)
{
	char	   *rest = names;

	text_to_cstring_buffer(PG_GETARG_TEXT_PP(2), names, sizeof(names));
	library_count = 0;
	while (library_count < MOST_LIBRARIES && (libraries[library_count] = strsep(&rest, ",")) != NULL)
		library_count++;
	to_pass = PG_GETARG_INT64(0);
	to_fail = PG_GETARG_INT64(1);
	failed = 0;
	armed = true;
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(stop_failing);
Datum
stop_failing(PG_FUNCTION_ARGS)
{
	armed = false;
	PG_RETURN_INT64(failed);
}

PG_FUNCTION_INFO_V1(memory_in_use);
Datum
memory_in_use(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) mallinfo2().uordblks);
}
