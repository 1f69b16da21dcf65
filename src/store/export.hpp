// What is stored about a user, as one document.
#pragma once

#include "pg/statement.hpp"
#include "store/users.hpp"

namespace session_service::store {

/// A jsonb with the keys user (NULL where there is no row), sessions, devices and events, in the
/// order of their ids; columns that hold secrets are left out. All of one moment.
pg::Value stored_of_user(const pg::OwnerScope& owner, const UserKey& user);

} // namespace session_service::store
