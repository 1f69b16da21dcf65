// The sessions table. What changes one session is a condition on its row and a change, written only
// in the version on which the condition was judged: of two calls at once only one has the effect.
#pragma once

#include "core/lifetime.hpp"
#include "core/rotation.hpp"

#include "pg/statement.hpp"
#include "store/session_rules.hpp"
#include "store/users.hpp"
#include "table/table.hpp"

namespace session_service::store {

/// A sessions table opened to look sessions up by their ids, one after the other: what was
/// committed before it was opened is seen at every isolation level.
class SessionLookup {
  public:
    /// Columns up to `last` are read.
    static SessionLookup open(table::sessions::Column last);

    /// The same of all columns, to change what is found.
    static SessionLookup open_for_writing();

    /// To be called some work ahead of find(), which would wait for memory otherwise.
    static void expect(const core::Uuid& id) { table::Table::expect(id); }

    /// The row, valid until the next find() or close().
    std::optional<SessionRow> find(const core::Uuid& id);

    void close() { table_.close(); }

    /// The table, at the row that was found.
    table::Table& table() { return table_; }

  private:
    explicit SessionLookup(const table::Table& table) : table_(table) {}

    table::Table table_;
};

struct NewSession {
    core::Uuid id{};
    core::Uuid device_id{};
    core::Digest token_hash{};
    std::optional<core::Digest> refresh_hash;
    std::optional<core::Digest> family_hash;
    std::size_t secret_length = 0;
    Micros created = 0; // and authenticated
    Micros last_activity = 0;
    bool is_closed = false;            // over as it is made
    Micros mfa_verified = core::never; // `never` where it was not
    core::Lifetimes own;
    core::Deadlines deadlines;
    pg::Value scopes = pg::null_value;
    pg::Value metadata = pg::null_value;
    pg::Value ip_address = pg::null_value;
    pg::Value acr = pg::null_value;
    pg::Value amr = pg::null_value;
};

/// Has the values of a write erase the rotation salt once no retry is answered any more. Without a
/// grace also that of a rotation that came while the call waited for the row.
void erase_overdue_salt(const SessionRow& session, Micros now, table::Values& values);

void insert_session(const UserKey& user, const NewSession& session);

/// A session that was just revoked or closed, and what it tells of its device.
struct EndedSession {
    core::Uuid id;
    core::Uuid device_id;
    Micros last_activity;
    pg::Value ip_address;
};

/// Closes those of the user's open sessions that are over: a renewal that began before is waited
/// for, and none succeeds after, so that a session left out of a count stays out. They are returned
/// in the current memory context. REQUIRES: the user's row is held.
std::span<EndedSession> close_sessions_that_are_over(const pg::OwnerScope& owner,
                                                     const UserKey& user, Micros now);

struct Rotation {
    core::Digest presented{}; // hash of the refresh token that buys the pair
    // Of a bound session the generation that the proof was judged by, instead of the stored hash:
    // with a proof any refresh token that it once issued buys a pair.
    std::optional<std::int32_t> proven_generation;
    core::Digest token_hash{};
    core::Digest refresh_hash{};
    std::optional<core::Digest> family_hash; // where the session had none: kept otherwise
    core::RotationSalt salt{};
    std::size_t secret_length = 0;
    pg::Value ip_address = pg::null_value;
};

/// A session's life after a refresh.
struct Renewed {
    Micros at = 0;
    core::Deadlines deadlines;
};

/// Replaces the pair if what is presented still buys one and the session is refreshable; tells what
/// came of it. Where another transaction changed or held the row, which is waited for,
/// the caller has to look again: the row is not left locked, so that it may go on to take the
/// user's row.
table::Outcome replace_pair(const core::Uuid& id, const Rotation& rotation, Renewed& renewed);

/// The key that a session is bound to from now on.
struct NewBinding {
    core::Digest presented{}; // hash of its session token
    Binding binding = Binding::none;
    std::string_view key; // in canonical form
    ChallengeKey challenge_key{};
};

/// Binds an active session that is not bound, if `presented` is still its session token; tells what
/// came of it. Where another transaction changed the row, the caller has to look again.
table::Outcome bind(const core::Uuid& id, const NewBinding& binding, Renewed& renewed);

/// Replaces the session token if `presented` is still it and the session active, and ends the retry
/// of the last refresh. The refresh token and the deadlines stay.
std::optional<Renewed> replace_session_token(const core::Uuid& id, const core::Digest& presented,
                                             const core::Digest& token_hash);

/// What a session becomes when its user was checked again.
struct Reauthentication {
    core::Digest presented{}; // hash of the session token that is replaced
    core::Digest token_hash{};
    core::Digest refresh_hash{}; // these two where it has a refresh token
    core::Digest family_hash{};
    std::size_t secret_length = 0;
    pg::Value acr = pg::null_value;
    pg::Value amr = pg::null_value;
    pg::Value ip_address = pg::null_value;
};

/// Replaces both tokens of an active session if `presented` is still its session token: no older
/// refresh token is the session's any more, and all its lifetimes start anew, also the absolute one
/// (NIST SP 800-63B, 5.2).
std::optional<Renewed> reauthenticate(const core::Uuid& id,
                                      const Reauthentication& reauthentication);

/// Moves the expiry of an active session to now + `by`, by default its own lifetime or the
/// setting's if that is shorter; as far as the absolute end allows and never back. The expiry then
/// in force, or nothing where there is no active session.
std::optional<Micros> extend_session(const core::Uuid& id, std::optional<Micros> by);

/// Ends one session; nothing where it had ended before. REQUIRES: the user's row is held.
std::optional<EndedSession> revoke_one(const core::Uuid& id, Micros now, pg::Value reason);

/// The same for the reuse of a refresh token of this family (nothing of an imported one), which is
/// nobody's where the user was checked again meanwhile, and proves nothing where the session was
/// bound.
std::optional<EndedSession> revoke_for_reuse(const core::Uuid& id, Micros now, pg::Value reason,
                                             const std::optional<core::Digest>& family_hash);

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
    std::optional<std::span<const core::Uuid>> ids;
};

/// Ends those, and returns them in the current memory context. REQUIRES: the user's row is held.
std::span<EndedSession> revoke_many(const pg::OwnerScope& owner, const UserKey& user,
                                    const RevocationFilter& filter, Micros now, pg::Value reason);

/// Whose session was changed, and when.
struct Changed {
    core::Uuid user_id;
    core::Uuid device_id;
    Micros at;
};

/// Change one active session; nothing where there is none.
std::optional<Changed> set_mfa(const core::Uuid& id, bool verified, pg::Value method);
bool set_scopes(const core::Uuid& id, pg::Value scopes);
bool set_metadata(const core::Uuid& id, pg::Value metadata);

/// Applies a merge patch to the metadata; 22001 where it would have more than metadata may have.
bool patch_metadata(const core::Uuid& id, pg::Value patch);

/// Deletes the user's sessions, whatever their state, and what was imported of them; the number of
/// sessions.
std::int64_t delete_sessions(const pg::OwnerScope& owner, const UserKey& user);

} // namespace session_service::store
