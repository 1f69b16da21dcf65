// What is written to the sessions table: one statement for each effect, its conditions included, so
// that two calls at once cannot both have it. All run within as_owner, but those that say
// otherwise.
#pragma once

#include "core/lifetime.hpp"
#include "core/rotation.hpp"

#include "pg/statement.hpp"
#include "store/users.hpp"

namespace session_service::store {

using core::Micros;

struct NewSession {
    core::Uuid id{};
    core::Uuid device_id{};
    core::Digest token_hash{};
    std::optional<core::Digest> refresh_hash;
    std::optional<core::Digest> family_hash;
    std::size_t secret_length = 0;
    Micros created = 0;
    Micros last_activity = 0;
    Micros mfa_verified = core::never; // `never` where it was not
    core::Lifetimes own;
    core::Deadlines deadlines;
    pg::Value scopes = pg::null_value;
    pg::Value metadata = pg::null_value;
    pg::Value ip_address = pg::null_value;
};

/// Needs no as_owner.
void insert_session(const UserKey& user, const NewSession& session);

/// A user's session as the limit sees it.
struct CountedSession {
    core::Uuid id;
    core::Uuid device_id;
    Micros end; // when it is over unless something renews it

    bool is_usable(Micros now) const { return now < end; }
};

enum class EvictionOrder : std::uint8_t { least_recently_active, oldest };

/// The user's sessions that are neither revoked nor closed, in the order in which they would go, in
/// the current memory context. The user's row is held. Needs no as_owner.
std::span<CountedSession> counted_sessions(const UserKey& user, EvictionOrder order);

/// Closes what counted_sessions found over: a renewal that began before is waited for, and none
/// succeeds after, so that a session left out of the count stays out.
void close_sessions_that_are_over(const UserKey& user, Micros now);

struct Rotation {
    core::Digest presented{}; // hash of the refresh token that is replaced
    core::Digest token_hash{};
    core::Digest refresh_hash{};
    std::optional<core::Digest> family_hash; // where the session had none: kept otherwise
    core::RotationSalt salt{};
    std::size_t secret_length = 0;
    pg::Value ip_address = pg::null_value;
};

/// Locks the session's row until the transaction ends, so that what is then read from the clock
/// comes after the wait.
void lock_session(const core::Uuid& id);

/// A session's life after a refresh.
struct Renewed {
    Micros at = 0;
    core::Deadlines deadlines;
};

/// Replaces the pair if `presented` is still the current refresh token and the session refreshable.
/// Nothing also where another transaction changed or held the row, and is waited for: look again.
/// The row is then not left locked, as a statement would leave it, so that the caller may go on to
/// take the user's row.
std::optional<Renewed> rotate_pair(const core::Uuid& id, const Rotation& rotation);

/// Replaces the session token if `presented` is still it and the session active, and ends the retry
/// of the last refresh. The refresh token stays, and so does the expiry, which is returned.
std::optional<Micros> replace_session_token(const core::Uuid& id, Micros now,
                                            const core::Digest& presented,
                                            const core::Digest& token_hash);

/// Moves the expiry of an active session to `expires`, as far as the absolute end allows and never
/// back. The expiry then in force, or nothing where there is no active session.
std::optional<Micros> extend_session(const core::Uuid& id, Micros now, Micros expires);

/// A session that was just revoked.
struct Revoked {
    core::Uuid id;
    core::Uuid device_id;
};

/// Ends one session; nothing where it had ended before. The user's row is held.
std::optional<Revoked> revoke_one(const UserKey& user, const core::Uuid& id, Micros now,
                                  pg::Value reason);

/// What counts as inactive: the last activity lies at or before `cutoff` or, where asked for, the
/// session's own timeout has passed.
struct Inactivity {
    std::optional<Micros> cutoff;
    bool by_own_timeout = false;
};

/// Which of a user's sessions to end: all, less what is set here.
struct RevocationFilter {
    std::optional<core::Uuid> except;
    std::optional<core::Uuid> device_id;
    std::optional<Inactivity> inactivity;
};

/// Ends those, and returns them in the current memory context. The user's row is held.
std::span<Revoked> revoke_many(const UserKey& user, const RevocationFilter& filter, Micros now,
                               pg::Value reason);

/// Whom a change was made for.
struct Owner {
    core::Uuid user_id;
    core::Uuid device_id;
};

/// Change one active session; nothing where there is none.
std::optional<Owner> set_mfa(const core::Uuid& id, Micros now, bool verified, pg::Value method);
bool set_scopes(const core::Uuid& id, Micros now, pg::Value scopes);
bool set_metadata(const core::Uuid& id, Micros now, pg::Value metadata);

/// Deletes the user's sessions, whatever their state, and what was imported of them; the number of
/// sessions.
std::int64_t delete_sessions(const UserKey& user);

} // namespace session_service::store
