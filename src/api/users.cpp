// Users as a whole: disabled, limited, deleted, exported, and their epochs.

#include "service/users.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"

using session_service::pg::Arguments;
namespace pg = session_service::pg;
namespace service = session_service::service;

SQL_FUNCTION(session_service_delete_user) {
    PG_RETURN_INT64(service::delete_user(Arguments{fcinfo}.uuid(0, "user_id")));
}

SQL_FUNCTION(session_service_export_user) {
    PG_RETURN_DATUM(service::export_user(Arguments{fcinfo}.uuid(0, "user_id")));
}

SQL_FUNCTION(session_service_set_user_session_limit) {
    const Arguments arguments{fcinfo};
    const auto user_id = arguments.uuid(0, "user_id");
    std::optional<std::int32_t> limit;
    if (!arguments.is_null(1)) {
        limit = DatumGetInt32(arguments.datum(1));
        if (*limit < 0) {
            pg::raise_out_of_range("max_sessions", "zero or positive");
        }
    }
    service::set_user_session_limit(user_id, limit);
    PG_RETURN_VOID();
}

SQL_FUNCTION(session_service_disable_user) {
    const Arguments arguments{fcinfo};
    PG_RETURN_INT32(service::disable_user(
        arguments.uuid(0, "user_id"),
        arguments.text_or(1, "reason", pg::max_reason_length, "User disabled")));
}

SQL_FUNCTION(session_service_enable_user) {
    PG_RETURN_BOOL(service::enable_user(Arguments{fcinfo}.uuid(0, "user_id")));
}

SQL_FUNCTION(session_service_is_user_disabled) {
    PG_RETURN_BOOL(service::is_user_disabled(Arguments{fcinfo}.uuid(0, "user_id")));
}

SQL_FUNCTION(session_service_user_epoch) {
    PG_RETURN_INT64(service::user_epoch(Arguments{fcinfo}.uuid(0, "user_id")));
}
