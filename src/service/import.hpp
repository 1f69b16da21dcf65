// Taking over sessions that another system issued and stored as SHA-256 hashes of their tokens:
// their clients stay signed in, and get tokens of ours with the first refresh.
#pragma once

#include "core/lifetime.hpp"

#include "pg/value.hpp"

namespace session_service::service {

using core::Micros;

/// What import_session is given; the values that may be left out are NULL.
struct ImportedSession {
    core::Digest token_hash{};
    std::optional<core::Digest> refresh_hash;
    core::Uuid user_id{};
    Micros expires = 0;
    std::optional<Micros> refresh_expires; // by default with the session
    std::optional<Micros> created;         // by default now
    std::optional<Micros> last_activity;   // by default now
    bool is_mfa_verified = false;
    pg::Value device_name = pg::null_value;
    pg::Value user_agent = pg::null_value;
    pg::Value ip_address = pg::null_value;
    pg::Value device_key = pg::null_value;
    pg::Value scopes = pg::null_value;
    pg::Value metadata = pg::null_value;
};

/// Imports a session and returns its id; that of the session that has the token already, unchanged,
/// where there is one. The user's limit holds as at a sign-in. 28000 where the user is disabled.
core::Uuid import_session(const ImportedSession& request);

} // namespace session_service::service
