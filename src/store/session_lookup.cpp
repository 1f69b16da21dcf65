#include "store/session_lookup.hpp"

#include "core/crypto.hpp"
#include "core/uuid.hpp"
#include "store/plain_table.hpp"
#include "store/sql.hpp"

#include <algorithm>

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/reltrigger.h"
#include "utils/snapmgr.h"
}

namespace session_service::store {

namespace {

// The columns in the order of the table, whatever kind of table it is.
constinit pg::Statement select_session{
    "SELECT id, user_id, device_id, token_hash, created_at, last_activity_at, expires_at, "
    "purge_after, session_expiry, refresh_expiry, inactivity_timeout, generation, bucket, "
    "secret_length, is_closed, idle_expires_at, refresh_expires_at, absolute_expires_at, "
    "revoked_at, mfa_verified_at, scopes, metadata, ip_address, rotated_at, refresh_hash, "
    "previous_refresh_hash, family_hash, rotation_salt, mfa_method, revoke_reason "
    "FROM session_service.sessions WHERE id" SQL_EQ "$1 AND bucket" SQL_EQ "$2",
    std::array<Oid, 2>{UUIDOID, INT2OID}};

// Of a session that was refreshed; bench/README.md has the figures.
constexpr std::size_t usual_row_size = 384;

} // namespace

bool SessionRow::matches(column::Number number, const core::Digest& digest) const {
    return !is_null(number) && core::constant_time_equal({reinterpret_cast<const std::uint8_t*>(
                                                              DatumGetPointer(get(number).value)),
                                                          digest.size()},
                                                         digest);
}

core::Deadlines SessionRow::deadlines() const {
    return {.expires = time(column::expires_at),
            .refresh = time(column::refresh_expires_at, core::no_refresh),
            .idle = time(column::idle_expires_at),
            .absolute = time(column::absolute_expires_at)};
}

core::Lifetimes SessionRow::own_lifetimes() const {
    return {.session = bigint(column::session_expiry),
            .refresh = bigint(column::refresh_expiry),
            .inactivity = bigint(column::inactivity_timeout),
            .absolute = 0};
}

std::optional<core::RotationSalt> SessionRow::rotation_salt() const {
    if (is_null(column::rotation_salt)) {
        return std::nullopt;
    }
    const std::string_view stored = pg::to_view(get(column::rotation_salt).value);
    core::RotationSalt salt{};
    if (stored.size() != salt.size()) {
        return std::nullopt;
    }
    std::memcpy(salt.data(), stored.data(), salt.size());
    return salt;
}

void SessionLookup::expect(const core::Uuid& id) {
    if (const auto place = remembered_place(id)) {
        pg::prefetch(*place, usual_row_size);
    }
}

SessionLookup SessionLookup::open(column::Number last) {
    SessionLookup lookup;
    lookup.last_ = last;
    lookup.heap_ = open_sessions(AccessShareLock);
    if (sessions_table().is_plain) {
        lookup.snapshot_ = RegisterSnapshot(pg::fresh_snapshot());
        lookup.slot_ = table_slot_create(lookup.heap_, nullptr);
        lookup.fetch_ = table_index_fetch_begin(lookup.heap_);
    } else {
        lookup.values_ = static_cast<std::array<Datum, column::count>*>(
            palloc0(sizeof(std::array<Datum, column::count>)));
        lookup.nulls_ = static_cast<std::array<bool, column::count>*>(
            palloc0(sizeof(std::array<bool, column::count>)));
        const MemoryContext caller = CurrentMemoryContext;
        lookup.owner_ = pg::enter_owner(sessions_table().owner);
        MemoryContextSwitchTo(caller);
    }
    return lookup;
}

SessionLookup::Writing SessionLookup::writing_at_commit() const {
    if (const TriggerDesc* triggers = heap_->trigdesc) {
        const std::span all{triggers->triggers, static_cast<std::size_t>(triggers->numtriggers)};
        return std::ranges::any_of(all, [](const Trigger& trigger) { return trigger.tgdeferrable; })
                   ? Writing::not_at_all
                   : Writing::by_statement;
    }
    if (!pg::can_publish_updates(heap_)) {
        return Writing::not_at_all;
    }
    return is_direct() && !needs_executor(heap_, true) ? Writing::directly : Writing::by_statement;
}

std::optional<SessionRow> SessionLookup::find(const core::Uuid& id) {
    return is_direct() ? find_directly(id) : find_by_statement(id);
}

std::optional<SessionRow> SessionLookup::find_directly(const core::Uuid& id) {
    if (!fetch_where_remembered(id) && !fetch_by_index(id)) {
        return std::nullopt;
    }
    slot_getsomeattrs(slot_, last_);
    return SessionRow{slot_->tts_values, slot_->tts_isnull};
}

bool SessionLookup::fetch_where_remembered(const core::Uuid& id) {
    const std::optional<pg::RowPlace> hint = remembered_place(id);
    if (!hint) {
        return false;
    }
    const auto place = pg::fetch_at(*hint, heap_, fetch_, snapshot_, slot_);
    if (!place) {
        return false;
    }
    slot_getsomeattrs(slot_, column::id);
    if (pg::to_uuid(slot_->tts_values[column::id - 1]) != id) {
        return false;
    }
    if (*place != *hint) {
        remember_place(id, *place);
    }
    return true;
}

bool SessionLookup::fetch_by_index(const core::Uuid& id) {
    if (scan_ == nullptr) {
        index_ = index_open(sessions_table().primary_key, AccessShareLock);
        scan_ = pg::begin_index_scan(heap_, index_, snapshot_, 1);
    }
    ScanKeyData key;
    ScanKeyInit(&key, column::id, BTEqualStrategyNumber, F_UUID_EQ, PointerGetDatum(id.data()));
    index_rescan(scan_, &key, 1, nullptr, 0);
    while (const ItemPointerData* found = index_getnext_tid(scan_, ForwardScanDirection)) {
        // Fetching moves it on, to the version that is visible.
        const OffsetNumber line = ItemPointerGetOffsetNumber(found);
        if (index_fetch_heap(scan_, slot_)) {
            remember_place(id, pg::place_of(slot_, line));
            return true;
        }
    }
    return false;
}

std::optional<SessionRow> SessionLookup::find_by_statement(const core::Uuid& id) {
    // What callers build from a row, such as their result, outlives the scope: it belongs into
    // their memory and not into SPI's, to which each statement switches and which close() frees.
    const MemoryContext caller = CurrentMemoryContext;
    const pg::Result found = select_session.run(
        pg::Access::read, {pg::uuid_value(id), pg::smallint_value(core::bucket_of(id))});
    MemoryContextSwitchTo(caller);
    if (found.empty()) {
        return std::nullopt;
    }
    heap_deform_tuple(found.tuple(0), found.descriptor(), values_->data(), nulls_->data());
    return SessionRow{values_->data(), nulls_->data()};
}

void SessionLookup::close() {
    if (is_direct()) {
        if (scan_ != nullptr) {
            index_endscan(scan_);
            index_close(index_, NoLock);
        }
        table_index_fetch_end(fetch_);
        ExecDropSingleTupleTableSlot(slot_);
        UnregisterSnapshot(snapshot_);
    } else {
        pg::leave_owner(owner_);
    }
    // The lock stays until the transaction ends, as after any SELECT.
    table_close(heap_, NoLock);
}

} // namespace session_service::store
