// The limit of sessions per user, which holds at every moment.
#pragma once

#include "core/lifetime.hpp"

#include "store/sessions.hpp"

namespace session_service::service {

/// The sessions of a user whose row was claimed that are neither revoked nor closed, in the order
/// in which they would go; none where the user has no limit.
std::span<store::CountedSession> sessions_to_count(const store::UserKey& user,
                                                   const store::User& claimed);

/// Makes room among these for one more; 53400 where the policy rejects. The ids of the evicted as
/// uuid[].
Datum make_room(const store::UserKey& user, const store::User& claimed,
                std::span<store::CountedSession> counted, core::Micros now);

} // namespace session_service::service
