/*
 * Allocates before any other library is initialized; linked with -Wl,-z,initfirst, and preloaded together with
 * libasan. Without it Debian's server hangs as it starts under AddressSanitizer: the first to allocate
 * would be the initializer of a library that it is linked with (libp11-kit), at a point from which the
 * sanitizer's own initialization waits for ever.
 */
#include <stdlib.h>

static void *volatile allocated;

__attribute__((constructor)) static void
allocate(void)
{
	allocated = malloc(1);
	free(allocated);
}
