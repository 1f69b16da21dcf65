// Sessions of identity providers, and the sessions that came of them. The text by which the
// application names one is stored as its hash.
#pragma once

#include "store/session_search.hpp"

namespace session_service::store {

/// Notes that the session came of one of an identity provider's.
void add_external_session(const core::Digest& external_hash, const UserKey& user,
                          const core::Uuid& session_id);

/// The sessions that came of it, whatever their state; the columns of each row are those of
/// session_info.
pg::Result external_sessions(const pg::OwnerScope& owner, const core::Digest& external_hash,
                             Micros now);

/// Those of them that can be ended, in the order of their users, in the current memory context.
std::span<OwnedSession> revocable_external_sessions(const pg::OwnerScope& owner,
                                                    const core::Digest& external_hash, Micros now);

} // namespace session_service::store
