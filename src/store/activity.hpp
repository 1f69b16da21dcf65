// Activity: noted by a validation, written as the caller's transaction commits.
//
// Written inside the call it would do harm: the row would stay locked until the caller's COMMIT, so
// that a revocation waits behind an idle transaction; one snapshot of REPEATABLE READ would show
// two versions of the row; SERIALIZABLE would fail with 40001; and the call would wait behind
// CREATE INDEX. At commit the row is taken only if it is free, for a moment, and left alone
// otherwise: the next validation notes it again.
//
// What runs at commit is our code and the server's alone: deferred triggers have fired by then, and
// extensions that take part in the commit have had their turn. So it is done only where the gate
// says that nothing else would run (table/access.hpp). For any other table the call itself writes,
// if nothing is in the way, in READ COMMITTED.
//
// Notes live in the transaction's memory and are dropped at its end, at PREPARE TRANSACTION and
// with a savepoint that is rolled back. None is taken where nothing may be written: on a standby,
// in a read-only transaction, in SERIALIZABLE.
#pragma once

#include "store/sessions.hpp"

namespace session_service::store {

/// Notes that the session that `lookup` is at was active at `now`, if that is due; writes it at
/// once where the table asks for that. `ip_address` may be NULL.
void note_activity(SessionLookup& lookup, const SessionRow& session, Micros now,
                   pg::Value ip_address);

/// Writes activity at once, due or not; the number of active sessions that were free to write.
int write_activity(std::span<const core::Uuid> session_ids, Micros now);

/// Registers the transaction callbacks; called once, as the library is loaded.
void watch_transactions();

} // namespace session_service::store
