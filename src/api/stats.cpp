// Counters for monitoring.

#include "api/rows.hpp"
#include "pg/counters.hpp"
#include "pg/entry.hpp"

namespace api = session_service::api;
namespace pg = session_service::pg;

SQL_FUNCTION(session_service_stats) {
    std::array<pg::Value, 1 + pg::counter_count> values{};
    values.fill(pg::null_value);
    if (const auto total = pg::read_counters()) {
        values[0] = pg::time_value(total->since);
        for (std::size_t i = 0; i < pg::counter_count; ++i) {
            values[i + 1] = pg::bigint_value(static_cast<std::int64_t>(total->counts[i]));
        }
    }
    return api::row_of(fcinfo, values);
}
