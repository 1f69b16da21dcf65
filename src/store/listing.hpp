// Reading sessions for people to look at: rows of session_info, and counts.
#pragma once

#include "pg/statement.hpp"
#include "store/sessions.hpp"

namespace session_service::store {

/// The session that the caller counts as its own; marked in what is listed.
using CurrentSession = std::optional<core::Uuid>;

/// The columns of each row are those of session_info.
pg::Result session_by_id(const pg::OwnerScope& owner, const core::Uuid& id, Micros now,
                         CurrentSession current);
pg::Result session_of_user(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& id,
                           Micros now, CurrentSession current);
pg::Result sessions_of_user(const pg::OwnerScope& owner, const UserKey& user, Micros now,
                            CurrentSession current, bool include_inactive);
pg::Result mfa_verified_sessions(const pg::OwnerScope& owner, const UserKey& user, Micros now);

/// Not revoked and not past both expiries, but inactive. Reads the whole table.
pg::Result inactive_sessions(const pg::OwnerScope& owner, const Inactivity& inactivity, Micros now);

/// The users of those, each once, in the order of their ids, in the current memory context.
std::span<core::Uuid> users_of_inactive_sessions(const pg::OwnerScope& owner,
                                                 const Inactivity& inactivity, Micros now);

std::int64_t count_active(const pg::OwnerScope& owner, const UserKey& user, Micros now);

/// Reads the whole table.
std::int64_t count_all_active(const pg::OwnerScope& owner, Micros now);

/// Which events to list: the latest `count` of those since a time and before another event, which
/// may be gone.
struct EventPage {
    Micros since = 0;
    std::int32_t count = 0;
    std::optional<core::Uuid> before;
};

/// The columns of each row are those of list_events. Latest first.
pg::Result events_of_user(const pg::OwnerScope& owner, const UserKey& user, const EventPage& page);
pg::Result all_events(const pg::OwnerScope& owner, const EventPage& page);

} // namespace session_service::store
