// The limit of sessions per user, which holds at every moment.
#pragma once

#include "core/lifetime.hpp"

#include "store/users.hpp"

namespace session_service::service {

/// Makes room for one more session of a user whose row was claimed, within as_owner; 53400 where
/// the policy rejects. The ids of the evicted as uuid[], in `memory`.
Datum make_room(const store::UserKey& user, const store::User& claimed, core::Micros now,
                MemoryContext memory);

} // namespace session_service::service
