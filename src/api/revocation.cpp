// Signing out.

#include "service/revocation.hpp"
#include "api/session_filter.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"
#include "service/external_id.hpp"

using session_service::pg::Arguments;
namespace api = session_service::api;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;

namespace {

constexpr std::int32_t default_batch = 10'000;

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
    PG_RETURN_INT32(service::revoke_of_user(user_id,
                                            {.except = arguments.uuid(1, "current_session_id"),
                                             .device_id = {},
                                             .inactivity = {},
                                             .ids = {}},
                                            reason_or(arguments, 2, "User logout all others"),
                                            "revoke_all_user_sessions_except()"));
}

SQL_FUNCTION(session_service_revoke_device_sessions) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_INT32(service::revoke_of_user(
        user_id,
        {.except = {}, .device_id = arguments.uuid(1, "device_id"), .inactivity = {}, .ids = {}},
        reason_or(arguments, 2, "Device signed out"), "revoke_device_sessions()"));
}

SQL_FUNCTION(session_service_revoke_inactive_sessions) {
    const Arguments arguments{fcinfo};
    PG_RETURN_INT32(service::revoke_inactive(arguments.duration(0, "inactive_for"),
                                             reason_or(arguments, 1, "Inactivity timeout")));
}

SQL_TOKEN_FUNCTION(session_service_revoke_external_sessions) {
    const Arguments arguments{fcinfo};
    const pg::Value id = arguments.required_text(0, "external_id", pg::max_external_id_length);
    PG_RETURN_INT32(
        service::revoke_external(service::hash_external_id(id),
                                 reason_or(arguments, 1, "Signed out by the identity provider")));
}

SQL_FUNCTION(session_service_revoke_sessions) {
    const Arguments arguments{fcinfo};
    const store::SessionFilter filter = api::session_filter(arguments);
    if (filter.is_empty()) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a filter is required"),
                        errhint("Name what the sessions have in common, such as their users.")));
    }
    PG_RETURN_INT32(service::revoke_found(filter, arguments.row_limit(9, default_batch),
                                          reason_or(arguments, 8, "Revoked by an administrator")));
}
