// Access levels.

#include "service/access.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"

using session_service::pg::Arguments;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;

namespace {

struct RoleAndLevel {
    Oid role;
    store::AccessLevel level;
};

RoleAndLevel role_and_level(const Arguments& arguments) {
    arguments.require(0, "role");
    arguments.require(1, "level");
    const auto level = store::access_level_named(pg::to_view(arguments.datum(1)));
    if (!level) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown access level"),
                        errhint("The levels are validate, application, monitor and admin.")));
    }
    return {.role = DatumGetObjectId(arguments.datum(0)), .level = *level};
}

} // namespace

SQL_FUNCTION(session_service_grant_access) {
    const RoleAndLevel asked = role_and_level(Arguments{fcinfo});
    service::grant_access(asked.role, asked.level);
    PG_RETURN_VOID();
}

SQL_FUNCTION(session_service_revoke_access) {
    const RoleAndLevel asked = role_and_level(Arguments{fcinfo});
    service::revoke_access(asked.role, asked.level);
    PG_RETURN_VOID();
}
