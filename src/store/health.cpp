#include "store/health.hpp"

#include "pg/schema.hpp"
#include "store/session_rules.hpp"
#include "table/layout.hpp"

extern "C" {
#include "utils/array.h"
}

namespace session_service::store {

namespace {

// $1 is now, $2 the table of sessions, $3 all tables. Of a table that somebody split, its parts
// count.
//
// Sessions that are over come first in the index, but for those that end today: purge_after is cut
// to the day. So a few hundred entries tell the oldest one to the day, however many are behind
// them.
constinit pg::Statement select_health{
    R"(WITH RECURSIVE part (is_sessions, oid) AS (
           SELECT r.oid = $2, r.oid FROM unnest($3) AS r (oid)
           UNION
           SELECT p.is_sessions, i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.oid),
       measured AS (
           SELECT p.is_sessions, pg_total_relation_size(c.oid) AS size,
               CASE WHEN c.relkind <> 'p' AND c.reltuples >= 0 THEN c.reltuples::float8 END AS rows,
               pg_stat_get_tuples_updated(c.oid) AS updated,
               pg_stat_get_tuples_hot_updated(c.oid) AS updated_hot,
               pg_stat_get_live_tuples(c.oid) AS live, pg_stat_get_dead_tuples(c.oid) AS dead
           FROM part p JOIN pg_class c ON c.oid = p.oid),
       of_sessions AS (
           SELECT sum(m.rows)::int8 AS rows, sum(m.size)::int8 AS size,
               sum(m.updated)::float8 AS updated, sum(m.updated_hot)::float8 AS updated_hot,
               sum(m.live)::float8 AS live, sum(m.dead)::float8 AS dead
           FROM measured m WHERE m.is_sessions)
       SELECT o.rows,
           (SELECT min(d.ended_at) FROM (
                SELECT )" +
        rules::end + R"( AS ended_at FROM session_service.sessions t
                WHERE t.purge_after <= $1 ORDER BY t.purge_after LIMIT 200) AS d
            WHERE d.ended_at <= $1),
           (SELECT e.at FROM session_service.events e ORDER BY e.id LIMIT 1),
           o.size, (SELECT sum(m.size)::int8 FROM measured m),
           o.updated_hot / NULLIF(o.updated, 0), o.dead / NULLIF(o.live + o.dead, 0)
       FROM of_sessions o)",
    pg::parameters(TIMESTAMPTZOID, OIDOID, OIDARRAYOID)};

// Those that there are, also those that no engine opens.
pg::Value all_tables() {
    std::array<Datum, table::table_count + 2> oids{};
    int count = 0;
    const auto add = [&](const char* name) {
        const Oid oid = pg::find_table(name);
        if (OidIsValid(oid)) {
            oids[static_cast<std::size_t>(count++)] = ObjectIdGetDatum(oid);
        }
    };
    for (std::size_t i = 0; i < table::table_count; ++i) {
        add(table::layout_of(static_cast<table::TableName>(i)).name);
    }
    // The layout does not have these.
    add("external_sessions");
    add("access_levels");
    return pg::value(PointerGetDatum(
        construct_array(oids.data(), count, OIDOID, sizeof(Oid), true, TYPALIGN_INT)));
}

// A column of the row, or nothing where it is NULL.
template <typename Convert>
auto column(const pg::Result& row, int number, Oid type, Convert convert)
    -> std::optional<decltype(convert(Datum{}))> {
    const pg::Value found = row.get(0, number, type);
    return found.isnull ? std::nullopt : std::optional{convert(found.value)};
}

} // namespace

TableHealth table_health(const pg::OwnerScope& owner, Micros now) {
    const pg::Value sessions = pg::value(
        ObjectIdGetDatum(pg::find_table(table::layout_of(table::TableName::sessions).name)));
    const pg::Result row =
        select_health.read(owner, {pg::value(TimestampTzGetDatum(now)), sessions, all_tables()});
    const auto number = [&](int place) {
        return column(row, place, INT8OID,
                      [](Datum datum) -> std::int64_t { return DatumGetInt64(datum); });
    };
    const auto time = [&](int place) {
        return column(row, place, TIMESTAMPTZOID,
                      [](Datum datum) -> Micros { return DatumGetTimestampTz(datum); });
    };
    const auto share = [&](int place) {
        return column(row, place, FLOAT8OID,
                      [](Datum datum) -> double { return DatumGetFloat8(datum); });
    };
    return {.sessions = number(1),
            .oldest_dead_session_at = time(2),
            .oldest_event_at = time(3),
            .sessions_size = number(4),
            .total_size = number(5),
            .hot_update_share = share(6),
            .dead_row_share = share(7)};
}

} // namespace session_service::store
