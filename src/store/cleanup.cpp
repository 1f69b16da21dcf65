#include "store/cleanup.hpp"

#include "core/uuid.hpp"

#include "pg/statement.hpp"
#include "store/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace session_service::store {

namespace {

using pg::Access;
using pg::Statement;

// Laid out by hand: clang-format breaks SQL at its macros.
// clang-format off

// A session `s` of the device `f`. Whether there is one is asked with LIMIT 1 instead of EXISTS,
// which may be planned as a hash of all sessions: since PostgreSQL 18 no setting prevents that.
#define SQL_OF_DEVICE \
    "s.user_id" SQL_EQ "f.user_id AND s.device_id" SQL_EQ "f.id AND s.bucket" SQL_EQ "f.bucket"

// Each batch is a CTE, which is read once: a subquery may become the inner side of a join, and read
// again for each outer row it would pass over what is deleted by then, and give more than its limit.

// purge_after is never later than the true end, so the index finds a superset of what is over.
constinit Statement delete_sessions_batch{
    "WITH batch AS ("
        "SELECT f.id, f.bucket FROM session_service.sessions f "
        "WHERE f.purge_after" SQL_LE "$1 AND COALESCE(f.revoked_at, "
            "LEAST(f.idle_expires_at, GREATEST(f.expires_at, f.refresh_expires_at)))" SQL_LE "$1 "
        "ORDER BY f.purge_after LIMIT $3 FOR UPDATE SKIP LOCKED), "
    "dead AS ("
        "DELETE FROM session_service.sessions s USING batch "
        "WHERE s.id" SQL_EQ "batch.id AND s.bucket" SQL_EQ "batch.bucket "
        "RETURNING s.id, s.device_id, s.bucket, s.last_activity_at), "
    "imported AS ("
        "DELETE FROM session_service.imported_tokens i USING dead "
        "WHERE i.session_id" SQL_EQ "dead.id AND i.bucket" SQL_EQ "dead.bucket), "
    "last AS ("
        "SELECT dead.device_id, dead.bucket, pg_catalog.max(dead.last_activity_at) AS at "
        "FROM dead GROUP BY dead.device_id, dead.bucket), "
    // What a device's last session tells of it, and when cleanup looks at it next: sooner than was
    // foreseen where the session was revoked.
    "seen AS ("
        "UPDATE session_service.devices d "
        "SET last_seen_at = free.at, purge_after = LEAST(d.purge_after, free.at) FROM ("
            "SELECT f.id, f.bucket, GREATEST(f.last_seen_at, last.at) AS at "
            "FROM session_service.devices f JOIN last "
                "ON f.id" SQL_EQ "last.device_id AND f.bucket" SQL_EQ "last.bucket "
            "WHERE (f.last_seen_at" SQL_LT "last.at AND last.at" SQL_GT "$2) "
                "OR (f.purge_after" SQL_GT "$2 AND ("
                    "SELECT true FROM session_service.sessions s "
                    "WHERE " SQL_OF_DEVICE " AND s.purge_after" SQL_GT "$1 LIMIT 1) IS NULL) "
            "FOR NO KEY UPDATE OF f SKIP LOCKED) AS free "
        "WHERE d.id" SQL_EQ "free.id AND d.bucket" SQL_EQ "free.bucket) "
    "SELECT pg_catalog.count(*) FROM dead",
    std::array<Oid, 3>{TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}};

constinit Statement delete_events_batch{
    "WITH batch AS ("
        "SELECT f.id, f.bucket FROM session_service.events f WHERE f.id" SQL_LT "$1 "
        "ORDER BY f.id LIMIT $2 FOR UPDATE SKIP LOCKED) "
    "DELETE FROM session_service.events e USING batch "
    "WHERE e.id" SQL_EQ "batch.id AND e.bucket" SQL_EQ "batch.bucket",
    std::array<Oid, 2>{UUIDOID, INT4OID}};

// The devices whose turn it is, no more than $3, whether they go or not: were those looked at that
// are still needed, each call would look at all of them again. These are put off to when they may
// be unused: the end of their trust, less the retention, or of their sessions. $4 keeps those whose
// sessions wait for cleanup themselves from being looked at by each call.
constinit Statement delete_devices_batch{
    "WITH batch AS ("
        "SELECT f.id, f.bucket, "
        "f.last_seen_at" SQL_LE "$1 "
            "AND (f.trusted_until IS NULL OR f.trusted_until" SQL_LE "$2) "
            "AND (SELECT true FROM session_service.sessions s WHERE " SQL_OF_DEVICE
                " LIMIT 1) IS NULL AS is_unused, "
        "GREATEST($4, f.last_seen_at, "
            "f.trusted_until" SQL_MINUS "($2" SQL_MINUS "$1), "
            "(SELECT pg_catalog.max(s.purge_after) FROM session_service.sessions s "
                "WHERE " SQL_OF_DEVICE ")) AS next "
        "FROM session_service.devices f WHERE f.purge_after" SQL_LE "$1 "
        "ORDER BY f.purge_after LIMIT $3 FOR UPDATE SKIP LOCKED), "
    "gone AS ("
        "DELETE FROM session_service.devices d USING batch "
        "WHERE batch.is_unused AND d.id" SQL_EQ "batch.id AND d.bucket" SQL_EQ "batch.bucket "
        "RETURNING d.id), "
    "kept AS ("
        "UPDATE session_service.devices d SET purge_after = batch.next FROM batch "
        "WHERE NOT batch.is_unused AND d.id" SQL_EQ "batch.id AND d.bucket" SQL_EQ "batch.bucket) "
    "SELECT (SELECT pg_catalog.count(*) FROM gone), (SELECT pg_catalog.count(*) FROM batch)",
    std::array<Oid, 4>{TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID}};

constinit Statement delete_events_of_user{
    "DELETE FROM session_service.events e WHERE e.user_id" SQL_EQ "$1 AND e.bucket" SQL_EQ "$2",
    std::array<Oid, 2>{UUIDOID, INT2OID}};

// clang-format on

} // namespace

std::int64_t delete_dead_sessions(core::Micros cutoff, core::Micros device_cutoff,
                                  std::int32_t limit) {
    return DatumGetInt64(delete_sessions_batch.run(
        Access::write,
        {pg::time_value(cutoff), pg::time_value(device_cutoff), pg::integer_value(limit)})(0, 1));
}

std::int64_t delete_old_events(core::Micros cutoff, std::int32_t limit) {
    const core::Uuid first_kept = core::make_ordered_uuid7(pg::to_unix(cutoff), 0, {});
    return static_cast<std::int64_t>(
        delete_events_batch
            .run(Access::write, {pg::uuid_value(first_kept), pg::integer_value(limit)})
            .count());
}

CleanedDevices delete_unused_devices(core::Micros cutoff, core::Micros now, std::int32_t limit) {
    constexpr core::Micros hour = 3600 * core::micros_per_second;
    const pg::Result counts = delete_devices_batch.run(
        Access::write, {pg::time_value(cutoff), pg::time_value(now), pg::integer_value(limit),
                        pg::time_value(cutoff + hour)});
    return {.deleted = DatumGetInt64(counts(0, 1)), .looked_at = DatumGetInt64(counts(0, 2))};
}

void delete_events(const UserKey& user) {
    (void)delete_events_of_user.run(Access::write,
                                    {pg::uuid_value(user.id), pg::smallint_value(user.bucket)});
}

} // namespace session_service::store
