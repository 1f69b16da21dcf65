// When a session is active, usable, over: the rules, for one row in C++ and for sets in SQL, each
// once. They say the same (test/sql/session_rules.sql compares them on random rows).
#pragma once

#include "core/lifetime.hpp"
#include "core/rotation.hpp"

#include "pg/sql_text.hpp"
#include "table/row.hpp"

namespace session_service::store {

using core::Micros;

/// What a session that is bound to a key needs proofs for, as stored.
enum class Binding : std::uint8_t {
    none = 0,
    refresh = 1, // DBSC: its token opens it, a refresh needs a proof
    request = 2, // DPoP: each request needs one as well
};

/// The server's part of the keys under which a bound session's challenges are made.
using ChallengeKey = std::array<std::uint8_t, 16>;

/// One session's row.
class SessionRow : public table::Row<table::sessions::Column> {
  public:
    using Row::Row;

    bool is_revoked() const { return !is_null(table::sessions::revoked_at); }
    /// Found over once by a sign-in of its user: a clock that was set back does not reopen it.
    bool is_closed() const { return boolean(table::sessions::is_closed); }
    /// Neither ended nor found over.
    bool is_open() const { return !is_revoked() && !is_closed(); }
    core::Deadlines deadlines() const;

    /// Good for requests.
    bool is_active(Micros now) const {
        return !is_closed() &&
               core::status_of(is_revoked(), deadlines(), now) == core::Status::active;
    }
    /// Active, or can be made so by a refresh: what the user's limit counts.
    bool is_usable(Micros now) const { return is_open() && core::is_usable(deadlines(), now); }
    /// Its refresh token buys a pair.
    bool is_refreshable(Micros now) const { return is_usable(now) && now < deadlines().refresh; }
    /// A revocation ends it: the idle too, which are not over by their expiries.
    bool is_revocable(Micros now) const {
        return !is_revoked() && !core::is_expired_for_good(deadlines(), now);
    }
    /// Whether its user was checked again since the sign-in: tokens of before are nobody's.
    bool is_reauthenticated() const {
        return time(table::sessions::authenticated_at) != time(table::sessions::created_at);
    }
    /// Whether refresh tokens of this family are its own; without one, whether imported ones are.
    bool has_family(const std::optional<core::Digest>& family_hash) const {
        return family_hash ? matches(table::sessions::family_hash, *family_hash)
                           : !is_reauthenticated();
    }
    /// Since when it is over, or will be unless something renews it.
    Micros end() const { return time(table::sessions::revoked_at, core::end_of(deadlines())); }

    /// The lifetimes of its own, from its creation; the absolute one by where it ends.
    core::Lifetimes own_lifetimes() const;

    /// The lifetimes of a renewal: the shorter of its own and the settings of the moment.
    core::Lifetimes lifetimes_in_force() const;

    /// The salt that derives the current pair, while there is one.
    std::optional<core::RotationSalt> rotation_salt() const;

    /// What a proof by a key is needed for.
    Binding binding() const { return static_cast<Binding>(smallint(table::sessions::binding)); }
    bool is_bound() const { return binding() != Binding::none; }

    /// The key that it is bound to, in canonical form: a view of the row. REQUIRES: is_bound().
    std::string_view bound_key() const {
        return pg::to_view(get(table::sessions::bound_key).value);
    }
    ChallengeKey challenge_key() const;

    /// Whether the token of this hash is its session token, or the one that the last refresh
    /// replaced, which may stay good for a while.
    bool is_opened_by(const core::Digest& token_hash, Micros now) const {
        return matches(table::sessions::token_hash, token_hash) ||
               (matches(table::sessions::replaced_token_hash, token_hash) &&
                now < time(table::sessions::replaced_token_until));
    }
};

/// The same of sessions `s` in statements whose parameter $1 is now. GREATEST and LEAST pass over
/// NULL: no refresh token, no inactivity timeout.
namespace rules {

inline constexpr pg::SqlText not_idle{R"((s.idle_expires_at IS NULL OR s.idle_expires_at > $1))"};
inline constexpr pg::SqlText not_expired_for_good{
    R"((GREATEST(s.expires_at, s.refresh_expires_at) > $1))"};
inline constexpr pg::SqlText open{R"((s.revoked_at IS NULL AND NOT s.is_closed))"};
inline constexpr auto active = "(" + open + " AND s.expires_at > $1 AND " + not_idle + ")";
inline constexpr auto usable =
    "(" + open + " AND " + not_expired_for_good + " AND " + not_idle + ")";
inline constexpr auto revocable = "(s.revoked_at IS NULL AND " + not_expired_for_good + ")";

/// Whether the last activity lies at or before $3 or, where $4 says that it counts, the session's
/// own timeout has passed.
inline constexpr pg::SqlText inactive{
    R"((s.last_activity_at <= $3 OR ($4 AND s.idle_expires_at <= $1)))"};

/// What a device `d` is called: its name, else "Browser on OS", or the one of these that is known.
inline constexpr pg::SqlText device_name{
    R"(COALESCE(d.name, CASE WHEN d.os IS NULL THEN d.browser WHEN d.browser IS NULL THEN d.os
                             ELSE d.browser || ' on ' || d.os END)::text)"};

/// What a proof is needed for.
inline constexpr pg::SqlText binding{
    R"(CASE s.binding WHEN 0 THEN 'none' WHEN 1 THEN 'refresh' ELSE 'request' END)"};

/// The thumbprint of the key that it is bound to (RFC 7638). The key is ASCII.
inline constexpr pg::SqlText key_thumbprint{
    R"(translate(encode(sha256(convert_to(s.bound_key, 'SQL_ASCII')), 'base64'), '+/=', '-_'))"};

/// The end of a session `t`.
inline constexpr pg::SqlText end{R"(COALESCE(t.revoked_at,
    LEAST(t.idle_expires_at, GREATEST(t.expires_at, t.refresh_expires_at))))"};

} // namespace rules

} // namespace session_service::store
