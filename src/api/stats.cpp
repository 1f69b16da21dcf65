// For monitoring: counters, and how tables and maintenance are.

#include "api/rows.hpp"
#include "pg/counters.hpp"
#include "pg/entry.hpp"
#include "pg/maintenance_state.hpp"
#include "store/health.hpp"
#include "table/table.hpp"

namespace api = session_service::api;
namespace pg = session_service::pg;
namespace store = session_service::store;
namespace table = session_service::table;

namespace {

pg::Value duration_value(pg::Micros duration) {
    auto* interval = static_cast<Interval*>(palloc0(sizeof(Interval)));
    interval->time = duration;
    return pg::value(PointerGetDatum(interval));
}

// What `make` makes of what is there, else NULL.
template <typename Known, typename Make>
pg::Value known_or_null(const std::optional<Known>& known, Make make) {
    return known ? make(*known) : pg::null_value;
}

pg::Value share_value(double share) {
    return pg::value(Float8GetDatum(share));
}

} // namespace

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

SQL_FUNCTION(session_service_health) {
    const store::TableHealth tables = table::as_owner(
        [](const pg::OwnerScope& owner) { return store::table_health(owner, pg::now()); });
    const auto cleanup = pg::last_cleanup();
    const std::array values{
        known_or_null(tables.sessions, pg::bigint_value),
        known_or_null(tables.oldest_dead_session_at, pg::time_value),
        known_or_null(tables.oldest_event_at, pg::time_value),
        known_or_null(tables.sessions_size, pg::bigint_value),
        known_or_null(tables.total_size, pg::bigint_value),
        known_or_null(tables.hot_update_share, share_value),
        known_or_null(tables.dead_row_share, share_value),
        known_or_null(cleanup, [](const auto& last) { return pg::time_value(last.at); }),
        known_or_null(cleanup, [](const auto& last) { return pg::bigint_value(last.rows); }),
        known_or_null(cleanup, [](const auto& last) { return duration_value(last.duration); }),
        known_or_null(pg::is_worker_running(), pg::boolean_value)};
    return api::row_of(fcinfo, values);
}
