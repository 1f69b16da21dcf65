#include "store/activity.hpp"

#include "core/uuid.hpp"

#include "pg/counters.hpp"
#include "pg/entry.hpp"
#include "pg/settings.hpp"
#include "pg/table_update.hpp"
#include "store/sql.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inet.h"
}

namespace session_service::store {

namespace {

// An inet as the server stores it: a header of up to 4 bytes, family, netmask and up to 16 bytes.
constexpr std::size_t max_inet_size = VARHDRSZ + sizeof(inet_struct);

// What a subtransaction saw of a session: with it goes only what it noted itself.
struct NoteKey {
    core::Uuid session_id;
    SubTransactionId subtransaction;
};
static_assert(sizeof(NoteKey) == sizeof(core::Uuid) + sizeof(SubTransactionId),
              "hashed as bytes, of which none is padding");

struct Note {
    NoteKey key;
    bool has_ip_address;
    Micros at;
    alignas(8) std::array<char, max_inet_size> ip_address;
};
static_assert(std::is_trivially_copyable_v<Note>, "lives in the server's memory");

// The notes of the current transaction, in its memory: null outside of one.
HTAB* notes = nullptr;

HTAB* notes_of_transaction() {
    if (notes == nullptr) {
        HASHCTL control{};
        control.keysize = sizeof(NoteKey);
        control.entrysize = sizeof(Note);
        control.hcxt = TopTransactionContext;
        notes = hash_create("session_service activity", 16, &control,
                            HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    }
    return notes;
}

// The inactivity timeout in force, 0 for none. It follows from what is stored: every write of the
// last activity moves the deadline with it.
Micros inactivity_in_force(const SessionRow& session) {
    const Micros idle = session.time(column::idle_expires_at);
    return idle == core::never ? 0 : idle - session.time(column::last_activity_at);
}

// What recorded activity changes in a session's row.
struct Touch {
    Micros last_activity;
    core::Deadlines deadlines;
    bool erases_salt;
};

// When activity of an active session is worth a write.
bool is_due(const SessionRow& session, Micros at) {
    return core::is_touch_due(session.time(column::last_activity_at), at,
                              pg::settings::touch_interval(), inactivity_in_force(session));
}

// Nothing where there is no longer an active session to touch, or later activity is known already.
std::optional<Touch> touch_of(const SessionRow& session, Micros at, Micros now) {
    core::Deadlines deadlines = session.deadlines();
    const Micros last_activity = session.time(column::last_activity_at);
    if (core::status_of(session.is_revoked(), deadlines, now) != core::Status::active ||
        session.is_closed() || at <= last_activity) {
        return std::nullopt;
    }
    if (deadlines.idle != core::never) {
        deadlines.idle += at - last_activity;
    }
    if (pg::settings::sliding_expiry()) {
        const core::Lifetimes lifetimes =
            core::shorter(session.own_lifetimes(), pg::settings::lifetimes());
        deadlines.expires =
            core::slide(deadlines.expires, deadlines.absolute, at, lifetimes.session);
    }
    const bool retry_is_over = !session.is_null(column::rotation_salt) &&
                               !core::is_within_grace(session.time(column::rotated_at), now,
                                                      pg::settings::refresh_grace());
    return Touch{.last_activity = at, .deadlines = deadlines, .erases_salt = retry_is_over};
}

bool write_to_heap(const SessionLookup& lookup, const Touch& touch, pg::Value ip_address) {
    pg::RowChange change;
    change.set(column::last_activity_at, pg::time_value(touch.last_activity));
    change.set(column::idle_expires_at, pg::time_value(touch.deadlines.idle));
    change.set(column::expires_at, pg::time_value(touch.deadlines.expires));
    change.set(column::purge_after, pg::time_value(core::purge_day(touch.deadlines)));
    if (!ip_address.isnull) {
        change.set(column::ip_address, ip_address);
    }
    if (touch.erases_salt) {
        change.set(column::rotation_salt, pg::null_value);
    }
    return pg::update_row_if_free(lookup.heap(), lookup.slot(), change) == pg::RowUpdate::updated;
}

// For a table that is not a plain local one.
constinit pg::Statement update_activity{
    "UPDATE session_service.sessions s SET last_activity_at = $4, idle_expires_at = $5, "
    "expires_at = $6, purge_after = $7, ip_address = COALESCE($8, s.ip_address), "
    "rotation_salt = CASE WHEN $9 THEN NULL ELSE s.rotation_salt END "
    "WHERE s.id" SQL_EQ "(SELECT f.id FROM session_service.sessions f WHERE f.id" SQL_EQ
    "$1 AND f.bucket" SQL_EQ "$2 FOR NO KEY UPDATE SKIP LOCKED) "
    "AND s.bucket" SQL_EQ "$2 "
    "AND s.revoked_at IS NULL AND s.last_activity_at" SQL_EQ "$3 AND s.expires_at" SQL_EQ "$10",
    std::array<Oid, 10>{UUIDOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
                        TIMESTAMPTZOID, TIMESTAMPTZOID, INETOID, BOOLOID, TIMESTAMPTZOID}};

bool write_by_statement(const SessionRow& session, const Touch& touch, pg::Value ip_address) {
    const core::Uuid id = session.uuid(column::id);
    return as_owner([&] {
        return !update_activity
                    .run(pg::Access::write,
                         {pg::uuid_value(id), pg::smallint_value(core::bucket_of(id)),
                          session.get(column::last_activity_at),
                          pg::time_value(touch.last_activity), pg::time_value(touch.deadlines.idle),
                          pg::time_value(touch.deadlines.expires),
                          pg::time_value(core::purge_day(touch.deadlines)), ip_address,
                          pg::boolean_value(touch.erases_salt), session.get(column::expires_at)})
                    .empty();
    });
}

bool write_touch(SessionLookup& lookup, const SessionRow& session, Micros at,
                 pg::Value ip_address) {
    const std::optional<Touch> touch = touch_of(session, at, pg::now());
    if (!touch) {
        return false;
    }
    return lookup.writing_at_commit() == SessionLookup::Writing::directly
               ? write_to_heap(lookup, *touch, ip_address)
               : write_by_statement(session, *touch, ip_address);
}

bool is_writable() {
    return !RecoveryInProgress() && !XactReadOnly && !IsInParallelMode() && !IsParallelWorker();
}

// A transaction that has written nothing else need not wait for the disk because of activity.
void spare_the_wait_for_disk() {
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        (void)set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_LOCAL, true, 0, false);
    }
}

void write_notes() {
    if (!is_writable() || IsolationIsSerializable()) {
        return;
    }
    if (!lock_sessions_if_free(RowExclusiveLock)) {
        return;
    }
    spare_the_wait_for_disk();
    SessionLookup lookup = SessionLookup::open(column::revoke_reason);
    const SessionLookup::Writing writing = lookup.writing_at_commit();
    // By statement, a row changed in between would fail a transaction of these levels.
    if (writing == SessionLookup::Writing::not_at_all ||
        (writing == SessionLookup::Writing::by_statement && IsolationUsesXactSnapshot())) {
        lookup.close();
        return;
    }
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, notes);
    while (auto* note = static_cast<Note*>(hash_seq_search(&scan))) {
        const pg::Value ip_address = note->has_ip_address
                                         ? pg::value(PointerGetDatum(note->ip_address.data()))
                                         : pg::null_value;
        const std::optional<SessionRow> session = lookup.find(note->key.session_id);
        // Another transaction may have written its own since the note was taken.
        if (session && is_due(*session, note->at)) {
            const bool written = write_touch(lookup, *session, note->at, ip_address);
            pg::count(written ? pg::Counter::activities_written : pg::Counter::activities_left_out);
        }
    }
    lookup.close();
}

void at_transaction_event(XactEvent event, void* /*unused*/) {
    if (notes == nullptr) {
        return;
    }
    if (event == XACT_EVENT_PRE_COMMIT) {
        pg::guarded([] {
            write_notes();
            return 0;
        });
    }
    // The memory goes with the transaction.
    notes = nullptr;
}

// Makes a note its parent's, in place of an earlier one. Takes no memory, so it cannot fail.
void hand_over(Note* note, SubTransactionId parent) {
    const NoteKey key{.session_id = note->key.session_id, .subtransaction = parent};
    auto* earlier = static_cast<Note*>(hash_search(notes, &key, HASH_FIND, nullptr));
    if (earlier == nullptr) {
        (void)hash_update_hash_key(notes, note, &key);
        return;
    }
    earlier->at = note->at;
    if (note->has_ip_address) {
        earlier->has_ip_address = true;
        earlier->ip_address = note->ip_address;
    }
    (void)hash_search(notes, &note->key, HASH_REMOVE, nullptr);
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId subtransaction,
                             SubTransactionId parent, void* /*unused*/) {
    if (notes == nullptr ||
        (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)) {
        return;
    }
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, notes);
    while (auto* note = static_cast<Note*>(hash_seq_search(&scan))) {
        if (note->key.subtransaction != subtransaction) {
            continue;
        }
        if (event == SUBXACT_EVENT_COMMIT_SUB) {
            hand_over(note, parent);
        } else {
            (void)hash_search(notes, &note->key, HASH_REMOVE, nullptr);
        }
    }
}

} // namespace

void note_activity(const SessionRow& session, Micros now, pg::Value ip_address) {
    if (!is_due(session, now) || !is_writable() || IsolationIsSerializable()) {
        return;
    }
    const NoteKey key{.session_id = session.uuid(column::id),
                      .subtransaction = GetCurrentSubTransactionId()};
    bool found = false;
    auto* note = static_cast<Note*>(hash_search(notes_of_transaction(), &key, HASH_ENTER, &found));
    if (!found) {
        note->has_ip_address = false;
    }
    note->at = now;
    if (!ip_address.isnull) {
        auto* address =
            reinterpret_cast<struct varlena*>(PG_DETOAST_DATUM_PACKED(ip_address.value));
        Assert(VARSIZE_ANY(address) <= max_inet_size);
        std::memcpy(note->ip_address.data(), address, VARSIZE_ANY(address));
        note->has_ip_address = true;
    }
}

int write_activity(std::span<const core::Uuid> session_ids, Micros now) {
    table_close(open_sessions(RowExclusiveLock), NoLock);
    SessionLookup lookup = SessionLookup::open(column::revoke_reason);
    int written = 0;
    for (const core::Uuid& id : session_ids) {
        CHECK_FOR_INTERRUPTS();
        const std::optional<SessionRow> session = lookup.find(id);
        written += session && write_touch(lookup, *session, now, pg::null_value) ? 1 : 0;
    }
    lookup.close();
    CommandCounterIncrement();
    return written;
}

void watch_transactions() {
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
}

} // namespace session_service::store
