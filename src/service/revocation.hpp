// Ending sessions: one, some or all of a user's.
#pragma once

#include "core/lifetime.hpp"

#include "pg/counters.hpp"
#include "pg/value.hpp"
#include "service/tokens.hpp"
#include "store/events.hpp"
#include "store/session_search.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

using core::Micros;

/// Records the end of a session and sends the hint of it, after the user's epoch was raised.
void tell_of_revocation(const store::UserKey& user, const store::EndedSession& session, Micros now,
                        store::EventKind kind, pg::Value reason, std::int64_t epoch,
                        pg::Value ip_address = pg::null_value);

/// Ends the session, if it is `user_id`'s where that is given; whether this call did it. `function`
/// is the name of the SQL function, for a read-only transaction's error; likewise below.
bool revoke(const core::Uuid& session_id, const std::optional<core::Uuid>& user_id,
            pg::Value reason, const char* function);

/// Ends the session that a token of either kind belongs to.
bool revoke_by_token(const Presented& presented, pg::Value reason);

/// Ends the session of a replaced refresh token that came back, unless it was bound to a key
/// meanwhile, or the user was checked again.
void revoke_for_reuse(const core::Uuid& user_id, const Presented& presented, pg::Value ip_address);

/// Why sessions end, and as what that is recorded and counted.
struct Ending {
    pg::Value reason = pg::null_value;
    store::EventKind kind = store::EventKind::session_revoked;
    pg::Counter counter = pg::Counter::revocations_user;
};

/// Ends those of a user's sessions that the filter leaves; they are returned in the memory of the
/// scope, in no order.
std::span<store::EndedSession> end_sessions(const pg::OwnerScope& owner, const store::UserKey& user,
                                            const store::RevocationFilter& filter,
                                            const Ending& ending);

/// The same as one call; how many this call ended.
std::int32_t revoke_of_user(const core::Uuid& user_id, const store::RevocationFilter& filter,
                            pg::Value reason, const char* function);

/// What counts as inactive: `inactive_for` without activity or, where it is not given, past the
/// session's own timeout or the setting's, whichever is shorter.
store::Inactivity inactivity(std::optional<Micros> inactive_for, Micros now);

/// Ends the inactive sessions of all users; how many this call ended.
std::int32_t revoke_inactive(std::optional<Micros> inactive_for, pg::Value reason);

/// Ends those that came of an identity provider's session; how many this call ended.
std::int32_t revoke_external(const core::Digest& external_hash, pg::Value reason);

/// Ends the first `count` of the active sessions that the filter finds; how many this call ended.
std::int32_t revoke_found(const store::SessionFilter& filter, std::int32_t count, pg::Value reason);

} // namespace session_service::service
