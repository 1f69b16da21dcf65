// Invariants that hold unless our own code is wrong. Checked by a server that is built with
// assertions, and in builds for developers on any server, where one that is broken is an error: so
// the whole test suite checks them.
#pragma once

#include "pg/prelude.hpp"

#ifdef SESSION_SERVICE_DEVELOPER
#define SESSION_SERVICE_ASSERT(condition)                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            elog(ERROR, "assertion failed: %s", #condition);                                       \
        }                                                                                          \
    } while (false)
#else
#define SESSION_SERVICE_ASSERT(condition) Assert(condition)
#endif
