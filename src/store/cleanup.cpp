#include "store/cleanup.hpp"

#include "core/uuid.hpp"

#include "pg/statement.hpp"
#include "store/purge_scan.hpp"
#include "store/sql.hpp"

#include <algorithm>

extern "C" {
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
}

namespace session_service::store {

namespace {

using pg::Access;
using pg::Statement;

// Laid out by hand: clang-format breaks SQL at its macros.
// clang-format off

// From when on a session `s` is over.
#define SQL_END \
    "COALESCE(s.revoked_at, " \
        "LEAST(s.idle_expires_at, GREATEST(s.expires_at, s.refresh_expires_at)))"

// Each batch is a CTE, which is read once: a subquery may become the inner side of a join, and read
// again for each outer row it would pass over what is deleted by then, and give more than its limit.

// For a table that is not a plain local one, or where a DBA's trigger has a say. purge_after is
// never later than the true end, so the index finds a superset of what is over.
constinit Statement delete_sessions_batch{
    "WITH batch AS ("
        "SELECT s.id, s.bucket, LEAST(s.last_activity_at, " SQL_END ") AS last_use "
        "FROM session_service.sessions s "
        "WHERE s.purge_after" SQL_LE "$1 AND " SQL_END SQL_LE "$1 "
        "ORDER BY s.purge_after LIMIT $2 FOR UPDATE SKIP LOCKED), "
    "dead AS ("
        "DELETE FROM session_service.sessions d USING batch "
        "WHERE d.id" SQL_EQ "batch.id AND d.bucket" SQL_EQ "batch.bucket "
        "RETURNING d.id, d.bucket, d.device_id, batch.last_use) "
    "SELECT pg_catalog.count(*), pg_catalog.max(dead.last_use), pg_catalog.array_agg(dead.id), "
        "pg_catalog.array_agg(dead.bucket), pg_catalog.array_agg(dead.device_id), "
        "pg_catalog.array_agg(dead.last_use) "
    "FROM dead",
    std::array<Oid, 2>{TIMESTAMPTZOID, INT4OID}};

constinit Statement select_any_imported{
    "SELECT 1 FROM session_service.imported_tokens i ORDER BY i.token_hash LIMIT 1",
    std::array<Oid, 0>{}};

constinit Statement delete_imported{
    "DELETE FROM session_service.imported_tokens i "
    "USING ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS dead (id, bucket) "
    "WHERE i.session_id" SQL_EQ "dead.id AND i.bucket" SQL_EQ "dead.bucket",
    std::array<Oid, 2>{UUIDARRAYOID, INT2ARRAYOID}};

constinit Statement update_last_seen{
    "UPDATE session_service.devices d SET last_seen_at = free.last_use FROM ("
        "SELECT f.id, f.bucket, dead.last_use FROM ("
            "SELECT u.device_id, u.bucket, pg_catalog.max(u.last_use) AS last_use "
            "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) "
                "AS u (device_id, bucket, last_use) "
            "WHERE u.last_use" SQL_GT "$4 GROUP BY u.device_id, u.bucket) AS dead "
        "JOIN session_service.devices f "
            "ON f.id" SQL_EQ "dead.device_id AND f.bucket" SQL_EQ "dead.bucket "
        "WHERE f.last_seen_at" SQL_LT "dead.last_use FOR NO KEY UPDATE OF f SKIP LOCKED) AS free "
    "WHERE d.id" SQL_EQ "free.id AND d.bucket" SQL_EQ "free.bucket",
    std::array<Oid, 4>{UUIDARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID}};

constinit Statement delete_events_batch{
    "WITH batch AS ("
        "SELECT f.id, f.bucket FROM session_service.events f WHERE f.id" SQL_LT "$1 "
        "ORDER BY f.id LIMIT $2 FOR UPDATE SKIP LOCKED) "
    "DELETE FROM session_service.events e USING batch "
    "WHERE e.id" SQL_EQ "batch.id AND e.bucket" SQL_EQ "batch.bucket",
    std::array<Oid, 2>{UUIDOID, INT4OID}};

// The devices whose turn it is. Locked first and judged then: a sign-in holds its device until it
// commits, so that a snapshot taken under the lock sees the sessions of all that came before.
constinit Statement lock_due_devices{
    "SELECT pg_catalog.count(*), pg_catalog.array_agg(due.id), pg_catalog.array_agg(due.bucket), "
        "pg_catalog.array_agg(due.user_id), pg_catalog.array_agg(due.last_seen_at), "
        "pg_catalog.array_agg(due.trusted_until) FROM ("
        "SELECT f.id, f.bucket, f.user_id, f.last_seen_at, f.trusted_until "
        "FROM session_service.devices f WHERE f.purge_after" SQL_LE "$1 "
        "ORDER BY f.purge_after LIMIT $2 FOR UPDATE SKIP LOCKED) AS due",
    std::array<Oid, 2>{TIMESTAMPTZOID, INT4OID}};

// A session `s` of the device `due`. Whether there is one is asked with LIMIT 1 instead of EXISTS,
// which may be planned as a hash of all sessions: since PostgreSQL 18 no setting prevents that.
#define SQL_OF_DUE_DEVICE \
    "s.user_id" SQL_EQ "due.user_id AND s.device_id" SQL_EQ "due.id " \
    "AND s.bucket" SQL_EQ "due.bucket"

// Deletes those that are unused and puts the others off: were they to stay, each call would look at
// all of them again. So purge_after is never later than the moment from which the retention of a
// device is counted, and nobody who ends or deletes a session need look at its device: that moment
// is not before its last use, the end of its trust less the retention, the end of its sessions, and
// now while one of them goes on. $3 keeps those whose sessions wait for cleanup themselves from
// being looked at by each call.
constinit Statement delete_unused_of_due{
    "WITH batch AS ("
        "SELECT due.id, due.bucket, "
        "due.last_seen_at" SQL_LE "$1 "
            "AND (due.trusted_until IS NULL OR due.trusted_until" SQL_LE "$2) "
            "AND (SELECT true FROM session_service.sessions s WHERE " SQL_OF_DUE_DEVICE
                " LIMIT 1) IS NULL AS is_unused, "
        "GREATEST(due.last_seen_at, due.trusted_until" SQL_MINUS "($2" SQL_MINUS "$1), "
            "(SELECT pg_catalog.max(GREATEST($3, LEAST($2, s.purge_after))) "
                "FROM session_service.sessions s WHERE " SQL_OF_DUE_DEVICE ")) AS next "
        "FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), "
            "pg_catalog.unnest($7), pg_catalog.unnest($8)) "
            "AS due (id, bucket, user_id, last_seen_at, trusted_until)), "
    "gone AS ("
        "DELETE FROM session_service.devices d USING batch "
        "WHERE batch.is_unused AND d.id" SQL_EQ "batch.id AND d.bucket" SQL_EQ "batch.bucket "
        "RETURNING d.id), "
    "kept AS ("
        "UPDATE session_service.devices d SET purge_after = batch.next FROM batch "
        "WHERE NOT batch.is_unused AND d.id" SQL_EQ "batch.id AND d.bucket" SQL_EQ "batch.bucket) "
    "SELECT pg_catalog.count(*) FROM gone",
    std::array<Oid, 8>{TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDARRAYOID, INT2ARRAYOID,
                       UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID}};

constinit Statement delete_events_of_user{
    "DELETE FROM session_service.events e WHERE e.user_id" SQL_EQ "$1 AND e.bucket" SQL_EQ "$2",
    std::array<Oid, 2>{UUIDOID, INT2OID}};

// clang-format on

// Deleted sessions, as arrays of one length.
struct DeadSessions {
    pg::Value ids;
    pg::Value buckets;
    pg::Value device_ids;
    pg::Value last_uses;
    Micros last_use; // the latest
};

// What is left of them elsewhere. By far the most calls find nothing to do here: there are no
// imported tokens, and where the retention is the setting's all sessions were over before
// `device_cutoff`, so that no device need remember them.
void clean_up_after(const DeadSessions& dead, Micros device_cutoff) {
    if (!select_any_imported.run(Access::read, {}).empty()) {
        (void)delete_imported.run(Access::write, {dead.ids, dead.buckets});
    }
    if (dead.last_use > device_cutoff) {
        (void)update_last_seen.run(Access::write, {dead.device_ids, dead.buckets, dead.last_uses,
                                                   pg::time_value(device_cutoff)});
    }
}

// Deleted sessions, up to so many that memory has a bound.
class Chunk {
  public:
    Chunk()
        : ids_(allocate<core::Uuid>()), device_ids_(allocate<core::Uuid>()),
          buckets_(allocate<Datum>()), last_uses_(allocate<Datum>()) {}

    void add(const SessionRow& session, Micros last_use) {
        ids_[count_] = session.uuid(column::id);
        device_ids_[count_] = session.uuid(column::device_id);
        buckets_[count_] = session.get(column::bucket).value;
        last_uses_[count_] = TimestampTzGetDatum(last_use);
        last_use_ = std::max(last_use_, last_use);
        ++count_;
    }
    int count() const { return count_; }
    void clear() {
        count_ = 0;
        last_use_ = core::no_refresh;
    }

    DeadSessions as_arrays() const {
        return {.ids = uuids(ids_),
                .buckets = array(buckets_, INT2OID, sizeof(std::int16_t), true, TYPALIGN_SHORT),
                .device_ids = uuids(device_ids_),
                .last_uses = array(last_uses_, TIMESTAMPTZOID, sizeof(Micros), FLOAT8PASSBYVAL,
                                   TYPALIGN_DOUBLE),
                .last_use = last_use_};
    }

    static constexpr int capacity = 10'000;

  private:
    template <typename Element>
    static Element* allocate() {
        return static_cast<Element*>(palloc(capacity * sizeof(Element)));
    }

    pg::Value array(Datum* elements, Oid type, int size, bool by_value, char alignment) const {
        return pg::value(
            PointerGetDatum(construct_array(elements, count_, type, size, by_value, alignment)));
    }

    pg::Value uuids(const core::Uuid* ids) const {
        auto* elements = allocate<Datum>();
        for (int i = 0; i < count_; ++i) {
            elements[i] = PointerGetDatum(ids[i].data());
        }
        return array(elements, UUIDOID, sizeof(core::Uuid), false, TYPALIGN_CHAR);
    }

    core::Uuid* ids_;
    core::Uuid* device_ids_;
    Datum* buckets_;
    Datum* last_uses_;
    Micros last_use_ = core::no_refresh;
    int count_ = 0;
};

// Deletes until the chunk is full or has `limit`.
void delete_into(Chunk& chunk, SessionPurge& purge, Micros cutoff, std::int64_t limit) {
    while (chunk.count() < std::min<std::int64_t>(limit, Chunk::capacity)) {
        CHECK_FOR_INTERRUPTS();
        const std::optional<SessionRow> session = purge.next();
        if (!session) {
            break;
        }
        // purge_after is never later than the true end: what it finds is a superset.
        const Micros end = session->time(column::revoked_at, core::end_of(session->deadlines()));
        if (end <= cutoff && purge.delete_if_free()) {
            chunk.add(*session, std::min(end, session->time(column::last_activity_at)));
        }
    }
}

std::int64_t delete_directly(SessionPurge& purge, Micros cutoff, Micros device_cutoff,
                             std::int32_t limit) {
    // The scan allocates as it goes on, so that it must find its own memory current.
    const MemoryContext scans = CurrentMemoryContext;
    const MemoryContext arrays =
        AllocSetContextCreate(scans, "session_service cleanup", ALLOCSET_DEFAULT_SIZES);
    Chunk chunk;
    std::int64_t deleted = 0;
    bool is_last = false;
    while (!is_last) {
        delete_into(chunk, purge, cutoff, limit - deleted);
        deleted += chunk.count();
        is_last = chunk.count() < Chunk::capacity || deleted == limit;
        if (chunk.count() > 0) {
            CommandCounterIncrement(); // so that what follows sees that they are gone
            MemoryContextSwitchTo(arrays);
            clean_up_after(chunk.as_arrays(), device_cutoff);
            MemoryContextSwitchTo(scans);
            MemoryContextReset(arrays);
            chunk.clear();
        }
    }
    MemoryContextDelete(arrays);
    return deleted;
}

std::int64_t delete_by_statement(Micros cutoff, Micros device_cutoff, std::int32_t limit) {
    const pg::Result dead = delete_sessions_batch.run(
        Access::write, {pg::time_value(cutoff), pg::integer_value(limit)});
    const std::int64_t count = DatumGetInt64(dead(0, 1));
    if (count > 0) {
        clean_up_after({.ids = dead.get(0, 3),
                        .buckets = dead.get(0, 4),
                        .device_ids = dead.get(0, 5),
                        .last_uses = dead.get(0, 6),
                        .last_use = DatumGetTimestampTz(dead(0, 2))},
                       device_cutoff);
    }
    return count;
}

// $3 of the statement: until when at least a device with sessions is put off.
Micros earliest_next(Micros cutoff) {
    return cutoff + 3600 * core::micros_per_second;
}

// What the statements for devices do.
CleanedDevices delete_devices_directly(DevicePurge& purge, Micros cutoff, Micros now,
                                       std::int32_t limit) {
    CleanedDevices cleaned;
    while (cleaned.looked_at < limit) {
        CHECK_FOR_INTERRUPTS();
        const auto device = purge.next();
        if (!device) {
            break;
        }
        // What is locked does not count, as it does not to SKIP LOCKED: others have their turn.
        const bool is_trusted = device->trusted_until > now;
        if (device->last_seen <= cutoff && !is_trusted && !device->sessions_end) {
            const int deleted = purge.delete_if_free() ? 1 : 0;
            cleaned.deleted += deleted;
            cleaned.looked_at += deleted;
            continue;
        }
        Micros next = device->last_seen;
        if (is_trusted) {
            next = std::max(next, device->trusted_until - (now - cutoff));
        }
        if (device->sessions_end) {
            next = std::max({next, earliest_next(cutoff), std::min(now, *device->sessions_end)});
        }
        cleaned.looked_at += purge.put_off_if_free(next) ? 1 : 0;
    }
    return cleaned;
}

CleanedDevices delete_devices_by_statement(Micros cutoff, Micros now, std::int32_t limit) {
    const pg::Result due =
        lock_due_devices.run(Access::write, {pg::time_value(cutoff), pg::integer_value(limit)});
    const std::int64_t count = DatumGetInt64(due(0, 1));
    if (count == 0) {
        return {};
    }
    const pg::Result deleted = delete_unused_of_due.run(
        Access::write,
        {pg::time_value(cutoff), pg::time_value(now), pg::time_value(earliest_next(cutoff)),
         due.get(0, 2), due.get(0, 3), due.get(0, 4), due.get(0, 5), due.get(0, 6)});
    return {.deleted = DatumGetInt64(deleted(0, 1)), .looked_at = count};
}

} // namespace

std::int64_t delete_dead_sessions(core::Micros cutoff, core::Micros device_cutoff,
                                  std::int32_t limit) {
    std::optional<SessionPurge> purge = SessionPurge::open(cutoff);
    if (!purge) {
        return delete_by_statement(cutoff, device_cutoff, limit);
    }
    const std::int64_t deleted = delete_directly(*purge, cutoff, device_cutoff, limit);
    purge->close();
    return deleted;
}

std::int64_t delete_old_events(core::Micros cutoff, std::int32_t limit) {
    const core::Uuid first_kept = core::make_ordered_uuid7(pg::to_unix(cutoff), 0, {});
    return static_cast<std::int64_t>(
        delete_events_batch
            .run(Access::write, {pg::uuid_value(first_kept), pg::integer_value(limit)})
            .count());
}

CleanedDevices delete_unused_devices(core::Micros cutoff, core::Micros now, std::int32_t limit) {
    std::optional<DevicePurge> purge = DevicePurge::open(cutoff);
    if (!purge) {
        return delete_devices_by_statement(cutoff, now, limit);
    }
    const CleanedDevices cleaned = delete_devices_directly(*purge, cutoff, now, limit);
    purge->close();
    CommandCounterIncrement();
    return cleaned;
}

void delete_events(const UserKey& user) {
    (void)delete_events_of_user.run(Access::write,
                                    {pg::uuid_value(user.id), pg::smallint_value(user.bucket)});
}

} // namespace session_service::store
