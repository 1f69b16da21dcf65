// Deleting what is over: in batches, by index, and without waiting for anyone.
//
// A row is deleted in the version that was read. Who makes use of it meanwhile writes another
// version first: a renewal of the session, a sign-in of the device. So what was decided still holds
// where the deletion succeeds.
#pragma once

#include "core/lifetime.hpp"

#include "pg/statement.hpp"
#include "store/users.hpp"

namespace session_service::store {

/// Deletes sessions that were over at `cutoff`, oldest first, at most `limit`; how many there were.
/// A device that was in use after `device_cutoff` remembers it.
std::int64_t delete_dead_sessions(const pg::OwnerScope& owner, core::Micros cutoff,
                                  core::Micros device_cutoff, std::int32_t limit);

/// Deletes events older than `cutoff`, oldest first, at most `limit`; how many there were.
std::int64_t delete_old_events(const pg::OwnerScope& owner, core::Micros cutoff,
                               std::int32_t limit);

struct CleanedDevices {
    std::int64_t deleted = 0;
    std::int64_t looked_at = 0;
};

/// Looks at devices whose turn it is, at most `limit`: those without sessions that were last seen
/// before `cutoff` and are not trusted at `now` are deleted, the others put off, so that they do
/// not come up each time.
CleanedDevices delete_unused_devices(core::Micros cutoff, core::Micros now, std::int32_t limit);

/// Deletes the user's events.
void delete_events(const pg::OwnerScope& owner, const UserKey& user);

} // namespace session_service::store
