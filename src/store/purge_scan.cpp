#include "store/purge_scan.hpp"

#include "pg/table_update.hpp"

#include <algorithm>

extern "C" {
#include "access/table.h"
#include "executor/executor.h"
#include "utils/reltrigger.h"
#include "utils/snapmgr.h"
}

namespace session_service::store {

namespace {

// Whether something runs where a row is deleted; a foreign key that refers to the table is a
// trigger too.
bool has_say_in_deletions(Relation heap) {
    const TriggerDesc* triggers = heap->trigdesc;
    return heap->rd_rules != nullptr || heap->rd_rel->relforcerowsecurity ||
           (triggers != nullptr &&
            (triggers->trig_delete_before_row || triggers->trig_delete_after_row ||
             triggers->trig_delete_before_statement || triggers->trig_delete_after_statement));
}

} // namespace

std::optional<SessionPurge> SessionPurge::open(Micros cutoff) {
    SessionPurge purge;
    purge.heap_ = open_sessions(RowExclusiveLock);
    Relation index = nullptr;
    if (sessions_table().is_plain && !has_say_in_deletions(purge.heap_)) {
        index = pg::open_index_by(purge.heap_, {column::purge_after});
    }
    if (index == nullptr) {
        table_close(purge.heap_, NoLock);
        return std::nullopt;
    }
    // An error where the table is published without an identity of its rows.
    CheckCmdReplicaIdentity(purge.heap_, CMD_DELETE);
    purge.snapshot_ = RegisterSnapshot(pg::fresh_snapshot());
    purge.scan_ = pg::IndexScan::open(purge.heap_, index, purge.snapshot_, 1);
    std::array keys{pg::not_later(1, cutoff)};
    purge.scan_.find(keys);
    return purge;
}

std::optional<SessionRow> SessionPurge::next() {
    if (scan_.next(column::revoked_at) == nullptr) {
        return std::nullopt;
    }
    return SessionRow{scan_.slot()->tts_values, scan_.slot()->tts_isnull};
}

bool SessionPurge::delete_if_free() {
    return pg::delete_row_if_free(heap_, scan_.slot());
}

void SessionPurge::close() {
    scan_.close();
    UnregisterSnapshot(snapshot_);
    table_close(heap_, NoLock);
}

std::optional<DevicePurge> DevicePurge::open(Micros cutoff) {
    const std::optional<PlainTable> devices = PlainTable::open(TableName::devices);
    if (!devices) {
        return std::nullopt;
    }
    DevicePurge purge;
    purge.devices_ = *devices;
    purge.sessions_ = open_sessions(AccessShareLock);
    Relation index = nullptr;
    Relation sessions_index = nullptr;
    if (sessions_table().is_plain) {
        index = pg::open_index_by(devices->heap(), {devices_column::purge_after});
        sessions_index = pg::open_index_by(
            purge.sessions_, {column::user_id, column::revoked_at, column::device_id});
    }
    if (index == nullptr || sessions_index == nullptr) {
        for (Relation unused : {index, sessions_index}) {
            if (unused != nullptr) {
                index_close(unused, NoLock);
            }
        }
        purge.devices_.close();
        table_close(purge.sessions_, NoLock);
        return std::nullopt;
    }
    CheckCmdReplicaIdentity(devices->heap(), CMD_DELETE);
    CheckCmdReplicaIdentity(devices->heap(), CMD_UPDATE);
    purge.snapshot_ = RegisterSnapshot(pg::fresh_snapshot());
    purge.scan_ = pg::IndexScan::open(devices->heap(), index, purge.snapshot_, 1);
    purge.sessions_scan_ = pg::IndexScan::open(purge.sessions_, sessions_index, purge.snapshot_, 2);
    std::array keys{pg::not_later(1, cutoff)};
    purge.scan_.find(keys);
    return purge;
}

std::optional<DevicePurge::Device> DevicePurge::next() {
    if (scan_.next(devices_column::trusted_until) == nullptr) {
        return std::nullopt;
    }
    const pg::Value trusted_until = scan_.get(devices_column::trusted_until);
    return Device{.last_seen = DatumGetTimestampTz(scan_.get(devices_column::last_seen_at).value),
                  .trusted_until =
                      trusted_until.isnull ? no_trust : DatumGetTimestampTz(trusted_until.value),
                  .sessions_end = end_of_sessions()};
}

std::optional<Micros> DevicePurge::end_of_sessions() {
    std::array keys{pg::equals_uuid(1, scan_.get(devices_column::user_id).value),
                    pg::equals_uuid(3, scan_.get(devices_column::id).value)};
    sessions_scan_.find(keys);
    std::optional<Micros> end;
    while (sessions_scan_.next(column::purge_after) != nullptr) {
        const Micros purge_after =
            DatumGetTimestampTz(sessions_scan_.get(column::purge_after).value);
        end = std::max(purge_after, end.value_or(purge_after));
    }
    return end;
}

bool DevicePurge::delete_if_free() {
    return pg::delete_row_if_free(devices_.heap(), scan_.slot());
}

bool DevicePurge::put_off_if_free(Micros purge_after) {
    pg::RowChange change;
    change.set(devices_column::purge_after, pg::time_value(purge_after));
    return pg::update_row_if_free(devices_.heap(), scan_.slot(), change) == pg::RowUpdate::updated;
}

void DevicePurge::close() {
    scan_.close();
    sessions_scan_.close();
    UnregisterSnapshot(snapshot_);
    table_close(devices_.heap(), NoLock);
    table_close(sessions_, NoLock);
}

} // namespace session_service::store
