// What is left of refused proofs: an event, at most one a minute and session, so that who has a
// token but not the key cannot fill the table.
#pragma once

#include "pg/value.hpp"
#include "store/users.hpp"

namespace session_service::store {

/// Records that a proof was refused, unless one of the session's was within the last minute, or
/// something is in the way: it waits for nobody.
void record_rejection(const UserKey& user, const core::Uuid& session_id,
                      const core::Uuid& device_id, pg::Value ip_address, core::Micros now);

/// Waits for calls of other transactions that record one of the user's, and keeps new ones out
/// until the transaction ends: to be called before the user's events are deleted.
void wait_for_rejections(const UserKey& user);

} // namespace session_service::store
