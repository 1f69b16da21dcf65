// Errors that several functions raise in the same words. None carries a value.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::pg {

/// A required argument is NULL (22004).
[[noreturn]] inline void raise_null_argument(const char* name) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
    pg_unreachable();
}

/// A text or document is too long (22001).
[[noreturn]] inline void raise_too_long(const char* name, int limit, const char* unit) {
    ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION), errmsg("%s is too long", name),
                    errdetail("At most %d %s are accepted.", limit, unit)));
    pg_unreachable();
}

/// A number or interval lies outside its range (22023).
[[noreturn]] inline void raise_out_of_range(const char* name, const char* range) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is out of range", name),
                    errdetail("It must be %s.", range)));
    pg_unreachable();
}

} // namespace session_service::pg
