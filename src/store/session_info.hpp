// How statements give session_info: a session `s` with its device `d`, where $1 is now and $2 the
// session that the caller counts as its own.
#pragma once

#include "store/session_rules.hpp"

namespace session_service::store::session_info {

/// Columns are cast to the types of session_info, which costs nothing where they have them.
inline constexpr auto columns = R"(
    SELECT s.id::uuid, s.user_id::uuid, s.device_id::uuid, )" +
                                rules::device_name + R"(,
        d.user_agent::text, s.ip_address::inet, NULL::text, NULL::text, s.scopes::text[],
        s.metadata::jsonb, s.mfa_verified_at IS NOT NULL, s.mfa_verified_at, s.mfa_method::text,
        s.created_at, s.last_activity_at, s.expires_at, s.idle_expires_at, s.refresh_expires_at,
        s.absolute_expires_at, s.revoked_at, s.revoke_reason::text,
        CASE WHEN s.revoked_at IS NOT NULL THEN 'revoked'::session_service.session_status
             WHEN s.expires_at <= $1 THEN 'expired'
             WHEN s.is_closed OR s.idle_expires_at <= $1 THEN 'idle'
             ELSE 'active' END,
        )" + rules::active + R"(, COALESCE(s.id = $2, false), s.authenticated_at, s.acr::text,
        s.amr::text[], )" + rules::binding +
                                ", " + rules::key_thumbprint;

inline constexpr pg::SqlText device{
    R"(LEFT JOIN session_service.devices d ON d.id = s.device_id AND d.bucket = s.bucket
    )"};

inline constexpr pg::SqlText latest_first{" ORDER BY s.last_activity_at DESC, s.id DESC"};

} // namespace session_service::store::session_info
