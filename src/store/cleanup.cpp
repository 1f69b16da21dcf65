#include "store/cleanup.hpp"

#include "core/uuid.hpp"

#include "store/buckets.hpp"
#include "store/session_rules.hpp"
#include "table/table.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/array.h"
}

namespace session_service::store {

namespace {

using pg::Statement;
using table::For;
using table::Is;
using table::Outcome;
using table::Table;
using table::TableName;
namespace sessions = table::sessions;
namespace devices = table::devices;

using DeviceRow = table::Row<devices::Column>;

// purge_after is never later than the true end, so that it finds a superset of what is over.
constexpr pg::SqlText is_held_row{"session_service.holds_bucket(t.bucket::int4)"};
constexpr auto is_over = rules::end + " <= $1 AND " + is_held_row;
constinit auto dead_sessions =
    table::Search{TableName::sessions, 2, {{sessions::purge_after, Is::not_later}}}.to_purge(
        is_over.text);

constinit auto due_devices =
    table::Search{TableName::devices, 2, {{devices::purge_after, Is::not_later}}}.to_purge(
        is_held_row.text);

constinit table::Search sessions_of_device{TableName::sessions,
                                           1,
                                           {{sessions::user_id, Is::equal},
                                            {sessions::device_id, Is::equal},
                                            {sessions::bucket, Is::equal}}};

// A batch is a CTE, which is read once: a subquery may become the inner side of a join, and read
// again for each outer row it would pass over what is deleted by then, and give more than its
// limit.
constinit Statement delete_events_batch{
    R"(WITH batch AS (
           SELECT f.id, f.bucket FROM session_service.events f
           WHERE f.id < $1 AND session_service.holds_bucket(f.bucket::int4)
           ORDER BY f.id LIMIT $2 FOR UPDATE SKIP LOCKED)
       DELETE FROM session_service.events e USING batch
       WHERE e.id = batch.id AND e.bucket = batch.bucket)",
    pg::parameters(UUIDOID, INT4OID)};

constinit Statement delete_events_of_user{
    "DELETE FROM session_service.events e WHERE e.user_id = $1 AND e.bucket = $2",
    pg::parameters(UUIDOID, INT2OID)};

// What a table `t` has of sessions that were deleted.
constexpr pg::SqlText of_dead_sessions{
    R"( t USING ROWS FROM (unnest($1), unnest($2)) AS dead (id, bucket)
       WHERE t.session_id = dead.id AND t.bucket = dead.bucket)"};
constexpr auto dead_session_types = pg::parameters(UUIDARRAYOID, INT2ARRAYOID);

constinit Statement select_any_imported{
    "SELECT 1 FROM session_service.imported_tokens i ORDER BY i.token_hash LIMIT 1",
    pg::parameters()};
constinit Statement delete_imported{
    "DELETE FROM session_service.imported_tokens" + of_dead_sessions, dead_session_types};

constinit Statement select_any_external{
    "SELECT 1 FROM session_service.external_sessions x ORDER BY x.external_hash LIMIT 1",
    pg::parameters()};
constinit Statement delete_external{
    "DELETE FROM session_service.external_sessions" + of_dead_sessions, dead_session_types};

constinit Statement update_last_seen{
    R"(UPDATE session_service.devices d SET last_seen_at = free.last_use FROM (
           SELECT f.id, f.bucket, dead.last_use FROM (
               SELECT u.device_id, u.bucket, max(u.last_use) AS last_use
               FROM ROWS FROM (unnest($1), unnest($2), unnest($3))
                   AS u (device_id, bucket, last_use)
               WHERE u.last_use > $4 GROUP BY u.device_id, u.bucket) AS dead
           JOIN session_service.devices f ON f.id = dead.device_id AND f.bucket = dead.bucket
           WHERE f.last_seen_at < dead.last_use FOR NO KEY UPDATE OF f SKIP LOCKED) AS free
       WHERE d.id = free.id AND d.bucket = free.bucket)",
    pg::parameters(UUIDARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID)};

// Deleted sessions, as arrays of one length.
struct DeadSessions {
    pg::Value ids;
    pg::Value buckets;
    pg::Value device_ids;
    pg::Value last_uses;
    Micros last_use; // the latest
};

// What is left of them elsewhere. By far the most calls find nothing to do here: there are no
// imported tokens and no sessions of identity providers, and where the retention is the setting's
// all sessions were over before `device_cutoff`, so that no device need remember them.
void clean_up_after(const pg::OwnerScope& owner, const DeadSessions& dead, Micros device_cutoff) {
    if (!select_any_imported.read(owner, {}).empty()) {
        (void)delete_imported.write(owner, {dead.ids, dead.buckets});
    }
    if (!select_any_external.read(owner, {}).empty()) {
        (void)delete_external.write(owner, {dead.ids, dead.buckets});
    }
    if (dead.last_use > device_cutoff) {
        (void)update_last_seen.write(
            owner, {dead.device_ids, dead.buckets, dead.last_uses, pg::time_value(device_cutoff)});
    }
}

// Deleted sessions, up to so many that memory has a bound.
class Chunk {
  public:
    Chunk()
        : ids_(allocate<core::Uuid>()), device_ids_(allocate<core::Uuid>()),
          buckets_(allocate<Datum>()), last_uses_(allocate<Datum>()) {}

    void add(const SessionRow& session, Micros last_use) {
        ids_[count_] = session.uuid(sessions::id);
        device_ids_[count_] = session.uuid(sessions::device_id);
        buckets_[count_] = session.get(sessions::bucket).value;
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
        return pg::uuid_array_value({ids, static_cast<std::size_t>(count_)});
    }

    core::Uuid* ids_;
    core::Uuid* device_ids_;
    Datum* buckets_;
    Datum* last_uses_;
    Micros last_use_ = core::no_refresh;
    int count_ = 0;
};

// How many rows are locked at a time, where it is done by statement.
pg::Value at_a_time(std::int32_t limit) {
    return pg::integer_value(std::min(limit, Chunk::capacity));
}

// Until when a device whose sessions wait for cleanup themselves is put off at least.
Micros earliest_next(Micros cutoff) {
    return cutoff + 3600 * core::micros_per_second;
}

// The latest purge_after of a device's sessions; nothing where it has none.
std::optional<Micros> end_of_sessions(Table& sessions_table, const DeviceRow& device) {
    std::optional<Micros> end;
    auto found = sessions_table.find(
        sessions_of_device,
        {device.get(devices::user_id), device.get(devices::id), device.get(devices::bucket)});
    for (; found; found = sessions_table.next()) {
        const Micros purge_after = SessionRow{*found}.time(sessions::purge_after);
        end = std::max(purge_after, end.value_or(purge_after));
    }
    return end;
}

// From when on the device's retention counts: not before its last use, the end of its trust less
// the retention, the end of its sessions, and now while one of them goes on.
Micros next_look(const DeviceRow& device, std::optional<Micros> sessions_end, Micros cutoff,
                 Micros now) {
    const Micros trusted_until = device.time(devices::trusted_until, core::no_refresh);
    Micros next = device.time(devices::last_seen_at);
    if (trusted_until > now) {
        next = std::max(next, core::later(trusted_until, cutoff - now));
    }
    if (sessions_end) {
        next = std::max({next, earliest_next(cutoff), std::min(now, *sessions_end)});
    }
    return next;
}

} // namespace

std::int64_t delete_dead_sessions(const pg::OwnerScope& owner, core::Micros cutoff,
                                  core::Micros device_cutoff, std::int32_t limit) {
    // The scan allocates as it goes on, so that it must find its own memory current.
    const MemoryContext scans = CurrentMemoryContext;
    const MemoryContext arrays =
        AllocSetContextCreate(scans, "session_service cleanup", ALLOCSET_DEFAULT_SIZES);
    Chunk chunk;
    std::int64_t deleted = 0;
    const auto finish_chunk = [&] {
        CommandCounterIncrement(); // so that what follows sees that they are gone
        MemoryContextSwitchTo(arrays);
        clean_up_after(owner, chunk.as_arrays(), device_cutoff);
        MemoryContextSwitchTo(scans);
        MemoryContextReset(arrays);
        chunk.clear();
    };
    Table table = Table::open(TableName::sessions, For::writing, sessions::revoked_at);
    auto found = table.find(dead_sessions, {pg::time_value(cutoff), at_a_time(limit)});
    // Not one row more is looked at than are deleted: by statement it would be locked.
    for (; found; found = deleted < limit ? table.next() : std::nullopt) {
        CHECK_FOR_INTERRUPTS();
        const SessionRow session{*found};
        const Micros end = session.end();
        const Micros last_use = std::min(end, session.time(sessions::last_activity_at));
        if (end > cutoff || !is_held(session.smallint(sessions::bucket)) ||
            table.remove() != Outcome::done) {
            continue;
        }
        chunk.add(session, last_use);
        ++deleted;
        if (chunk.count() == Chunk::capacity) {
            finish_chunk();
        }
    }
    if (chunk.count() > 0) {
        finish_chunk();
    }
    table.close();
    MemoryContextDelete(arrays);
    return deleted;
}

std::int64_t delete_old_events(const pg::OwnerScope& owner, core::Micros cutoff,
                               std::int32_t limit) {
    const core::Uuid first_kept = core::make_ordered_uuid7(pg::to_unix(cutoff), 0, {});
    return static_cast<std::int64_t>(
        delete_events_batch.write(owner, {pg::uuid_value(first_kept), pg::integer_value(limit)})
            .count());
}

CleanedDevices delete_unused_devices(core::Micros cutoff, core::Micros now, std::int32_t limit) {
    CleanedDevices cleaned;
    Table table = Table::open(TableName::devices, For::writing, devices::trusted_until);
    auto found = table.find(due_devices, {pg::time_value(cutoff), at_a_time(limit)});
    // Opened second: where devices are locked as they are found, their sessions are looked up
    // later.
    Table sessions_table = Table::open(TableName::sessions, For::reading, sessions::purge_after);
    for (; found; found = cleaned.looked_at < limit ? table.next() : std::nullopt) {
        CHECK_FOR_INTERRUPTS();
        const DeviceRow device{*found};
        if (!is_held(device.smallint(devices::bucket))) {
            continue;
        }
        const auto sessions_end = end_of_sessions(sessions_table, device);
        const bool is_unused = device.time(devices::last_seen_at) <= cutoff &&
                               device.time(devices::trusted_until, core::no_refresh) <= now &&
                               !sessions_end;
        const Outcome outcome =
            is_unused
                ? table.remove()
                : table.update(table::Values{}.set(
                                   devices::purge_after,
                                   pg::time_value(next_look(device, sessions_end, cutoff, now))),
                               table::IfHeld::leave);
        // What is locked does not count: others have their turn.
        cleaned.looked_at += outcome == Outcome::done ? 1 : 0;
        cleaned.deleted += is_unused && outcome == Outcome::done ? 1 : 0;
    }
    sessions_table.close();
    table.close();
    return cleaned;
}

void delete_events(const pg::OwnerScope& owner, const UserKey& user) {
    (void)delete_events_of_user.write(owner, {user.id_value(), user.bucket_value()});
}

} // namespace session_service::store
