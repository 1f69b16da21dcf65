// The limit of sessions per user, which holds at every moment.
#pragma once

#include "store/open_sessions.hpp"

namespace session_service::service {

using Counted = std::optional<std::span<store::CountedSession>>;

/// The open sessions of a user whose row was claimed, in the order in which they would go; nothing
/// where the user has no limit.
Counted sessions_to_count(const store::UserKey& user, const store::User& claimed);

/// Where a user signs in from.
struct SignInPlace {
    core::Uuid device_id;
    bool has_address;
    core::Micros used_at; // now, but for an import
};

/// Makes room among these for one more, from there; 53400 where the policy rejects. The ids of
/// the evicted, in the current memory context.
std::span<core::Uuid> make_room(const store::UserKey& user, const store::User& claimed,
                                const Counted& counted, const SignInPlace& place, core::Micros now);

/// Ends the sessions of a device that signs in anew. Their ids, in the current memory context.
std::span<core::Uuid> replace_sessions_of_device(const store::UserKey& user,
                                                 const core::Uuid& device_id);

} // namespace session_service::service
