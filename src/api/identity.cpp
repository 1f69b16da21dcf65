// Identity for row-level security.

#include "service/identity.hpp"
#include "api/valid_session.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"
#include "table/access.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
}

using session_service::pg::Arguments;
namespace api = session_service::api;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;

namespace {

Datum id_or_null(FunctionCallInfo fcinfo, const std::optional<core::Uuid>& id) {
    if (!id) {
        PG_RETURN_NULL();
    }
    return pg::new_uuid(*id);
}

} // namespace

SQL_TOKEN_FUNCTION(session_service_authenticate) {
    const auto key = service::read_session_token(Arguments{fcinfo}.token(0));
    // Whatever comes of it, the one before is over.
    service::clear_identity();
    return api::valid_session(fcinfo, key, pg::null_value, [](const store::SessionRow& session) {
        service::bind_identity(session);
    });
}

SQL_FUNCTION(session_service_bind_identity) {
    const Arguments arguments{fcinfo};
    if (GetUserId() != session_service::table::owner()) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("only the owner of the extension may call bind_identity()")));
    }
    if (arguments.is_null(0)) {
        service::clear_identity();
        PG_RETURN_VOID();
    }
    service::bind_identity(arguments.uuid(0, "session_id"), arguments.uuid(1, "user_id"),
                           arguments.time(5, "authenticated_at"),
                           arguments.optional_time(4, "mfa_verified_at").value_or(core::never),
                           arguments.scopes(2, false).value, arguments.metadata(3, false).value);
    PG_RETURN_VOID();
}

SQL_FUNCTION(session_service_current_session_id) {
    const auto identity = service::current_identity();
    return id_or_null(fcinfo, identity ? std::optional{identity->session_id} : std::nullopt);
}

SQL_FUNCTION(session_service_current_user_id) {
    const auto identity = service::current_identity();
    return id_or_null(fcinfo, identity ? std::optional{identity->user_id} : std::nullopt);
}

SQL_FUNCTION(session_service_current_scopes) {
    const auto identity = service::current_identity();
    if (!identity) {
        PG_RETURN_NULL();
    }
    std::array<Datum, pg::max_scope_count> scopes{};
    std::size_t count = 0;
    for (std::string_view rest = identity->scopes; !rest.empty() && count < scopes.size();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        scopes[count++] = pg::text_value(rest.substr(0, end)).value;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return PointerGetDatum(
        construct_array(scopes.data(), static_cast<int>(count), TEXTOID, -1, false, TYPALIGN_INT));
}

SQL_FUNCTION(session_service_has_scope) {
    const auto identity = service::current_identity();
    PG_RETURN_BOOL(identity && !PG_ARGISNULL(0) &&
                   service::has_scope(identity->scopes, pg::to_view(PG_GETARG_DATUM(0))));
}

SQL_FUNCTION(session_service_current_metadata) {
    const auto identity = service::current_identity();
    if (!identity) {
        PG_RETURN_NULL();
    }
    const std::string_view json = identity->metadata;
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(json.data(), json.size())));
}

SQL_FUNCTION(session_service_is_mfa_verified) {
    const auto max_age = Arguments{fcinfo}.duration(0, "max_age");
    const auto identity = service::current_identity();
    PG_RETURN_BOOL(identity && service::is_mfa_verified(*identity, max_age));
}

SQL_FUNCTION(session_service_is_authenticated_within) {
    const core::Micros max_age = Arguments{fcinfo}.required_duration(0, "max_age");
    const auto identity = service::current_identity();
    PG_RETURN_BOOL(identity && service::is_authenticated_within(*identity, max_age));
}
