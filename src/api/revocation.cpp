// Signing out.

#include "service/revocation.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"

using session_service::pg::Arguments;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;

namespace {

pg::Value reason_or(const Arguments& arguments, int number, std::string_view otherwise) {
    return arguments.text_or(number, "reason", pg::max_reason_length, otherwise);
}

} // namespace

SQL_FUNCTION(session_service_revoke_session) {
    const Arguments arguments{fcinfo};
    PG_RETURN_BOOL(service::revoke(arguments.uuid(0, "session_id"), std::nullopt,
                                   reason_or(arguments, 1, "User logout"), "revoke_session()"));
}

SQL_FUNCTION(session_service_revoke_user_session) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_BOOL(service::revoke(arguments.uuid(1, "session_id"), user_id,
                                   reason_or(arguments, 2, "User logout"),
                                   "revoke_user_session()"));
}

SQL_TOKEN_FUNCTION(session_service_revoke_session_by_token) {
    const Arguments arguments{fcinfo};
    const pg::Value reason = reason_or(arguments, 1, "User logout");
    const auto presented = service::read_any_token(arguments.token(0));
    PG_RETURN_BOOL(presented && service::revoke_by_token(*presented, reason));
}

SQL_FUNCTION(session_service_revoke_all_user_sessions) {
    const Arguments arguments{fcinfo};
    PG_RETURN_INT32(service::revoke_of_user(arguments.uuid(0, "user_id"), {},
                                            reason_or(arguments, 1, "User logout all"),
                                            "revoke_all_user_sessions()"));
}

SQL_FUNCTION(session_service_revoke_all_user_sessions_except) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_INT32(service::revoke_of_user(
        user_id,
        {.except = arguments.uuid(1, "current_session_id"), .device_id = {}, .inactivity = {}},
        reason_or(arguments, 2, "User logout all others"), "revoke_all_user_sessions_except()"));
}

SQL_FUNCTION(session_service_revoke_device_sessions) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_INT32(service::revoke_of_user(
        user_id, {.except = {}, .device_id = arguments.uuid(1, "device_id"), .inactivity = {}},
        reason_or(arguments, 2, "Device signed out"), "revoke_device_sessions()"));
}

SQL_FUNCTION(session_service_revoke_inactive_sessions) {
    const Arguments arguments{fcinfo};
    PG_RETURN_INT32(service::revoke_inactive(arguments.duration(0, "inactive_for"),
                                             reason_or(arguments, 1, "Inactivity timeout")));
}
