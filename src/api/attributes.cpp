// What a session carries: MFA state, scopes, metadata, activity.

#include "service/attributes.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

using session_service::pg::Arguments;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;

SQL_FUNCTION(session_service_mark_mfa_verified) {
    const Arguments arguments{fcinfo};
    const core::Uuid id = arguments.uuid(0, "session_id");
    PG_RETURN_BOOL(
        service::mark_mfa_verified(id, arguments.text(1, "method", pg::max_method_length)));
}

SQL_TOKEN_FUNCTION(session_service_mark_mfa_verified_by_token) {
    const Arguments arguments{fcinfo};
    const pg::Value method = arguments.text(1, "method", pg::max_method_length);
    const auto presented = service::read_token(arguments.token(0), core::TokenKind::session);
    PG_RETURN_BOOL(presented && service::mark_mfa_verified_by_token(*presented, method));
}

SQL_FUNCTION(session_service_clear_mfa_verified) {
    PG_RETURN_BOOL(service::clear_mfa_verified(Arguments{fcinfo}.uuid(0, "session_id")));
}

SQL_FUNCTION(session_service_set_session_scopes) {
    const Arguments arguments{fcinfo};
    const core::Uuid id = arguments.uuid(0, "session_id");
    PG_RETURN_BOOL(service::set_session_scopes(id, arguments.scopes(1, false)));
}

SQL_FUNCTION(session_service_set_session_metadata) {
    const Arguments arguments{fcinfo};
    const core::Uuid id = arguments.uuid(0, "session_id");
    PG_RETURN_BOOL(service::set_session_metadata(id, arguments.metadata(1, false)));
}

SQL_FUNCTION(session_service_patch_session_metadata) {
    const Arguments arguments{fcinfo};
    const core::Uuid id = arguments.uuid(0, "session_id");
    PG_RETURN_BOOL(service::patch_session_metadata(id, arguments.json(1, "patch")));
}

SQL_FUNCTION(session_service_touch_sessions) {
    const Arguments arguments{fcinfo};
    arguments.require(0, "session_ids");
    PG_RETURN_INT32(service::touch_sessions(pg::uuids_of(arguments.datum(0))));
}
