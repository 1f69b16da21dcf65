// Users as a whole: whether one may sign in, how often, and all that is stored about one.
#pragma once

#include "pg/value.hpp"
#include "store/users.hpp"

namespace session_service::service {

/// Holds the user's row for a sign-in, and makes it where there is none; 28000 where the user is
/// disabled. A disable_user() that comes meanwhile waits, and ends what the sign-in made.
store::User claim_for_sign_in(const store::UserKey& user, core::Micros now);

/// Ends all sessions of a user and lets nobody sign in as that user from now on; how many sessions
/// this call ended.
std::int32_t disable_user(const core::Uuid& user_id, pg::Value reason);

/// Lets the user sign in again; whether the user was disabled.
bool enable_user(const core::Uuid& user_id);

bool is_user_disabled(const core::Uuid& user_id);

/// Deletes all that is stored about a user; the number of sessions deleted.
std::int64_t delete_user(const core::Uuid& user_id);

/// All that is stored about a user, but hashes and salts: a jsonb in the current memory context.
Datum export_user(const core::Uuid& user_id);

void set_user_session_limit(const core::Uuid& user_id, std::optional<std::int32_t> max_sessions);

std::int64_t user_epoch(const core::Uuid& user_id);

} // namespace session_service::service
