// Signing in: a new session, within the user's limit.
#pragma once

#include "core/token.hpp"

#include "pg/value.hpp"

namespace session_service::service {

using core::Micros;

/// What create_session is given; the values that may be left out are NULL.
struct SignIn {
    core::Uuid user_id{};
    pg::Value device_name = pg::null_value;
    pg::Value user_agent = pg::null_value;
    pg::Value ip_address = pg::null_value;
    pg::Value device_key = pg::null_value;
    pg::Value scopes = pg::null_value;
    pg::Value metadata = pg::null_value;
    std::optional<Micros> session_expiry;
    std::optional<Micros> inactivity_timeout;
    bool issue_refresh = true;
    std::optional<Micros> refresh_expiry;
    std::optional<Micros> absolute_timeout;
    pg::Value acr = pg::null_value;
    pg::Value amr = pg::null_value;
    std::optional<core::Digest> external_hash; // of the identity provider's session
    bool replace_device_sessions = false;
};

struct SignedIn {
    core::Uuid session_id{};
    core::TokenText token;
    std::optional<core::TokenText> refresh_token;
    Micros expires = 0;
    Micros refresh_expires = 0;
    core::Uuid device_id{};
    bool is_new_device = false;
    bool is_first_device = false;
    std::span<core::Uuid> replaced_session_ids;
    std::span<core::Uuid> evicted_session_ids;
};

/// Creates a session. At the user's limit the policy decides who goes; 53400 where it rejects.
/// 28000 where the user is disabled.
SignedIn sign_in(const SignIn& request);

} // namespace session_service::service
