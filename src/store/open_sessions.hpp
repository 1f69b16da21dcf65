// A user's sessions that are neither revoked nor closed: what a sign-in counts.
//
// Sign-ins of one user in one transaction, such as those of an import, leave behind versions that
// no longer count and that only the transaction's end lets the server pass over. So from a user's
// second sign-in of a transaction on it is remembered which sessions were found and made, and they
// are looked up by their ids: nobody else adds one while the transaction holds the user's row. What
// is remembered ends with the transaction, and where a savepoint is rolled back.
#pragma once

#include "store/session_rules.hpp"
#include "store/users.hpp"

namespace session_service::store {

/// A session as the limit sees it.
struct CountedSession {
    core::Uuid id;
    core::Uuid device_id;
    Micros created;
    Micros last_activity;
    bool has_address;
    Micros end; // when it is over unless something renews it

    bool is_usable(Micros now) const { return now < end; }
};

/// The user's open sessions, in the current memory context. REQUIRES: the user's row is held.
std::span<CountedSession> open_sessions(const UserKey& user);

/// Tells of a session that was inserted.
void remember_open_session(const UserKey& user, const core::Uuid& id);

/// Whether one of the device's open sessions, among a few that are looked at, is usable at that
/// time.
bool has_open_session(const UserKey& user, const core::Uuid& device_id, Micros at);

/// Whether one of a few of the user's open sessions, and of the device's, is over by now.
bool finds_open_session_over(const UserKey& user, const core::Uuid& device_id, Micros now);

/// Registers what ends the remembering; called once, as the library is loaded.
void watch_open_sessions();

} // namespace session_service::store
