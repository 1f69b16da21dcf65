// The wall clock, in the server's microseconds since 2000-01-01 (a midnight, UTC).
#pragma once

#include "core/lifetime.hpp"

#include "pg/prelude.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace session_service::pg {

using core::Micros;

static_assert(core::never == DT_NOEND, "a deadline that never comes is the server's infinity");

/// Now, as clock_timestamp() tells it: never the transaction's start.
inline Micros now() {
    return GetCurrentTimestamp();
}

/// The same instant in the Unix epoch; infinity stays infinity.
inline Micros to_unix(Micros time) {
    constexpr Micros offset =
        Micros{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * core::micros_per_day;
    return core::later(time, offset);
}

} // namespace session_service::pg
