// The row that the validating functions return.
#pragma once

#include "api/rows.hpp"
#include "service/validation.hpp"

namespace session_service::api {

/// The columns of valid_session.
inline std::array<pg::Value, 12> valid_session_values(const store::SessionRow& session) {
    namespace sessions = table::sessions;
    return {session.get(sessions::id),
            session.get(sessions::user_id),
            session.get(sessions::device_id),
            session.get(sessions::scopes),
            session.get(sessions::metadata),
            pg::boolean_value(!session.is_null(sessions::mfa_verified_at)),
            session.get(sessions::created_at),
            session.get(sessions::last_activity_at),
            session.get(sessions::expires_at),
            session.get(sessions::authenticated_at),
            session.get(sessions::mfa_verified_at),
            session.get(sessions::acr)};
}

/// Validates, and returns the session's row or none; `use` sees the session as well.
template <typename Use>
Datum valid_session(FunctionCallInfo fcinfo, const std::optional<service::SessionKey>& key,
                    pg::Value ip_address, Use&& use) {
    std::optional<Datum> row;
    if (key) {
        service::with_valid_session(*key, ip_address, [&](const store::SessionRow& session) {
            use(session);
            row = one_row(fcinfo, valid_session_values(session));
        });
    }
    return row ? *row : no_row(fcinfo);
}

inline Datum valid_session(FunctionCallInfo fcinfo, const std::optional<service::SessionKey>& key,
                           pg::Value ip_address) {
    return valid_session(fcinfo, key, ip_address, [](const store::SessionRow& /*unused*/) {});
}

} // namespace session_service::api
