#include "store/activity.hpp"

#include "core/uuid.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/entry.hpp"
#include "pg/settings.hpp"
#include "store/buckets.hpp"
#include "store/notes.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
}

namespace session_service::store {

namespace {

using table::IfHeld;
using table::Outcome;
using table::TableName;
using table::Values;
namespace sessions = table::sessions;

// Of the current transaction: null outside of one.
Notes* notes = nullptr;

// The inactivity timeout in force, 0 for none. It follows from what is stored: every write of the
// last activity moves the deadline with it.
Micros inactivity_in_force(const SessionRow& session) {
    const Micros idle = session.time(sessions::idle_expires_at);
    return idle == core::never ? 0 : idle - session.time(sessions::last_activity_at);
}

// Whether the last activity that is stored lies in the future: the clock was set back since. It is
// compared with the present alone, since of two calls the later one may write first.
bool is_in_future(const SessionRow& session, Micros now) {
    return session.time(sessions::last_activity_at) > now;
}

// When activity of an active session is worth a write.
bool is_due(const SessionRow& session, Micros at, Micros now) {
    return is_in_future(session, now) ||
           core::is_touch_due(session.time(sessions::last_activity_at), at,
                              pg::settings::touch_interval(), inactivity_in_force(session));
}

// What recorded activity changes in a session's row; nothing where there is no longer an active
// session to touch, or later activity is known already.
std::optional<Values> touched(const SessionRow& session, Micros at, Micros now,
                              pg::Value ip_address) {
    core::Deadlines deadlines = session.deadlines();
    const Micros last_activity = session.time(sessions::last_activity_at);
    if (!session.is_active(now) || (at <= last_activity && !is_in_future(session, now))) {
        return std::nullopt;
    }
    if (deadlines.idle != core::never) {
        deadlines.idle += at - last_activity;
    }
    // Only a proof renews a bound session.
    if (pg::settings::sliding_expiry() && !session.is_bound()) {
        const core::Lifetimes lifetimes = session.lifetimes_in_force();
        deadlines.expires =
            core::slide(deadlines.expires, deadlines.absolute, at, lifetimes.session);
    }
    Values values;
    values.set(sessions::last_activity_at, pg::time_value(at))
        .set(sessions::idle_expires_at, pg::time_value(deadlines.idle))
        .set(sessions::expires_at, pg::time_value(deadlines.expires))
        .set(sessions::purge_after, pg::time_value(core::purge_day(deadlines)));
    if (!ip_address.isnull) {
        values.set(sessions::ip_address, ip_address);
    }
    erase_overdue_salt(session, now, values);
    return values;
}

void count_write(Outcome outcome) {
    pg::count(outcome == Outcome::done ? pg::Counter::activities_written
                                       : pg::Counter::activities_left_out);
}

// REQUIRES: the table and its indexes are locked.
void write_note(SessionLookup& lookup, const Note& note) {
    // The setting may have changed since, and no COMMIT fails for a note.
    if (!is_held(core::bucket_of(note.session_id))) {
        return;
    }
    const std::optional<SessionRow> session = lookup.find(note.session_id);
    const Micros now = pg::now();
    // Another transaction may have written its own since the note was taken.
    if (!session || !is_due(*session, note.at, now)) {
        return;
    }
    const auto values = touched(*session, note.at, now, note.ip_value());
    count_write(values && lookup.table().has_room_for(*values)
                    ? lookup.table().update(*values, IfHeld::leave)
                    : Outcome::held);
}

void write_notes() {
    if (!pg::is_writable() || IsolationIsSerializable() ||
        !table::lock_if_free(TableName::sessions, RowExclusiveLock)) {
        return;
    }
    PushActiveSnapshot(GetTransactionSnapshot());
    SessionLookup lookup = SessionLookup::open_for_writing();
    // Somebody may have added something since the notes were taken: then they are left out.
    if (lookup.table().is_written_directly()) {
        pg::spare_the_wait_for_disk();
        for (const Note& note : notes->all()) {
            write_note(lookup, note);
        }
    }
    lookup.close();
    PopActiveSnapshot();
}

void at_transaction_event(XactEvent event, void* /*unused*/) {
    if (notes == nullptr) {
        return;
    }
    if (event == XACT_EVENT_PRE_COMMIT) {
        pg::guarded_and_hidden([] {
            write_notes();
            return 0;
        });
    }
    // The memory goes with the transaction.
    notes = nullptr;
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId subtransaction,
                             SubTransactionId parent, void* /*unused*/) {
    if (notes == nullptr) {
        return;
    }
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        notes->hand_over(subtransaction, parent);
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        notes->drop(subtransaction);
    }
}

// For a table that somebody added something to. The row is looked at again, for all of its columns.
void write_now(const core::Uuid& session_id, Micros now, pg::Value ip_address) {
    if (IsolationUsesXactSnapshot()) {
        return;
    }
    SessionLookup lookup = SessionLookup::open(sessions::revoke_reason);
    const std::optional<SessionRow> session = lookup.find(session_id);
    const auto values = session && is_due(*session, now, now)
                            ? touched(*session, now, now, ip_address)
                            : std::nullopt;
    count_write(values ? lookup.table().update_if_nothing_is_in_the_way(*values) : Outcome::held);
    lookup.close();
}

} // namespace

void note_activity(SessionLookup& lookup, const SessionRow& session, Micros now,
                   pg::Value ip_address) {
    if (!is_due(session, now, now) || !pg::is_writable() || IsolationIsSerializable()) {
        return;
    }
    if (!lookup.table().is_written_directly()) {
        write_now(session.uuid(sessions::id), now, ip_address);
        return;
    }
    if (notes == nullptr) {
        notes = Notes::create();
    }
    notes->add(session.uuid(sessions::id), GetCurrentSubTransactionId(), now, ip_address);
}

int write_activity(std::span<const core::Uuid> session_ids, Micros now) {
    SessionLookup lookup = SessionLookup::open_for_writing();
    int written = 0;
    for (const core::Uuid& id : session_ids) {
        CHECK_FOR_INTERRUPTS();
        const std::optional<SessionRow> session = lookup.find(id);
        const auto values =
            session ? touched(*session, now, pg::now(), pg::null_value) : std::nullopt;
        if (values && lookup.table().update(*values, IfHeld::leave) == Outcome::done) {
            ++written;
        }
    }
    lookup.close();
    return written;
}

void watch_transactions() {
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
}

} // namespace session_service::store
