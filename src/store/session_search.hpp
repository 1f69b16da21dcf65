// Sessions of all users, by what an operator looks for.
#pragma once

#include "store/listing.hpp"

namespace session_service::store {

/// What a session must be to be found; what is NULL or not set is not asked for.
struct SessionFilter {
    pg::Value user_ids = pg::null_value; // one of these is its user
    pg::Value network = pg::null_value;  // its address lies within
    std::optional<Micros> created_after; // then or later
    std::optional<Micros> created_before;
    std::optional<Micros> inactive_since;
    pg::Value device_type = pg::null_value;
    pg::Value scope = pg::null_value;    // one of its own
    pg::Value metadata = pg::null_value; // contained in its own

    bool is_empty() const {
        return user_ids.isnull && network.isnull && !created_after && !created_before &&
               !inactive_since && device_type.isnull && scope.isnull && metadata.isnull;
    }
};

/// Which of those: so many, in the order of their ids, after one.
struct SessionPage {
    bool include_inactive = false;
    std::optional<core::Uuid> after;
    std::int32_t count = 0;
};

/// The columns of each row are those of session_info.
pg::Result find_sessions(const pg::OwnerScope& owner, const SessionFilter& filter,
                         const SessionPage& page, Micros now);

/// A session, and whose it is.
struct OwnedSession {
    core::Uuid user_id;
    core::Uuid id;
};

/// The rows of a statement that gives them, in the current memory context.
std::span<OwnedSession> owned_sessions(const pg::Result& rows);

/// The same sessions, in the order of their users, in the current memory context.
std::span<OwnedSession> find_owned_sessions(const pg::OwnerScope& owner,
                                            const SessionFilter& filter, const SessionPage& page,
                                            Micros now);

} // namespace session_service::store
