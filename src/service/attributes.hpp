// What a session carries besides its life: MFA state, scopes, metadata.
#pragma once

#include "pg/value.hpp"
#include "service/tokens.hpp"

namespace session_service::service {

/// Each tells whether there was an active session.
bool mark_mfa_verified(const core::Uuid& session_id, pg::Value method);
bool mark_mfa_verified_by_token(const Presented& presented, pg::Value method);
bool clear_mfa_verified(const core::Uuid& session_id);
bool set_session_scopes(const core::Uuid& session_id, pg::Value scopes);
bool set_session_metadata(const core::Uuid& session_id, pg::Value metadata);
bool patch_session_metadata(const core::Uuid& session_id, pg::Value patch);

/// Records activity now, of sessions that were validated on a standby; how many were recorded.
std::int32_t touch_sessions(std::span<const core::Uuid> session_ids);

} // namespace session_service::service
