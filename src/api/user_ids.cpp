// UUIDs for users with other kinds of ids.

#include "core/user_id.hpp"

#include "pg/arguments.hpp"
#include "pg/entry.hpp"

namespace core = session_service::core;
namespace pg = session_service::pg;

SQL_FUNCTION(session_service_user_uuid) {
    return pg::new_uuid(core::user_id_of_number(PG_GETARG_INT64(0)));
}

SQL_FUNCTION(session_service_user_uuid_from_text) {
    return pg::new_uuid(core::user_id_of_text(pg::to_view(PG_GETARG_DATUM(0))));
}

SQL_FUNCTION(session_service_user_bigint) {
    const auto number = core::number_of_user_id(pg::to_uuid(PG_GETARG_DATUM(0)));
    if (!number) {
        PG_RETURN_NULL();
    }
    PG_RETURN_INT64(*number);
}
