// Sessions that are bound to a key: challenges, binding, and requests with a proof.

#include "service/binding.hpp"
#include "api/proof.hpp"
#include "api/rows.hpp"
#include "api/valid_session.hpp"
#include "core/public_key.hpp"
#include "pg/counters.hpp"
#include "pg/entry.hpp"

using session_service::pg::Arguments;
namespace api = session_service::api;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;

namespace {

const char* name_of(store::Binding binding) {
    switch (binding) {
    case store::Binding::none:
        return "none";
    case store::Binding::refresh:
        return "refresh";
    case store::Binding::request:
        return "request";
    }
    pg_unreachable();
}

} // namespace

SQL_TOKEN_FUNCTION(session_service_session_challenge) {
    const auto presented = service::read_any_token(Arguments{fcinfo}.token(0));
    const auto challenge = presented ? service::challenge(*presented) : std::nullopt;
    if (!challenge) {
        PG_RETURN_NULL();
    }
    return pg::text_value(challenge->view()).value;
}

SQL_TOKEN_FUNCTION(session_service_bind_session) {
    const Arguments arguments{fcinfo};
    const auto presented = service::read_token(arguments.token(0), core::TokenKind::session);
    const auto bound =
        presented ? service::bind(*presented, api::presented_proof(arguments, 1)) : std::nullopt;
    if (!bound) {
        return api::no_row(fcinfo);
    }
    const core::Thumbprint thumbprint = core::thumbprint_of(bound->key.view());
    return api::one_row(fcinfo, std::array<pg::Value, 5>{pg::uuid_value(bound->session_id),
                                                         pg::text_value(name_of(bound->binding)),
                                                         pg::text_value(thumbprint.view()),
                                                         pg::time_value(bound->expires),
                                                         pg::time_value(bound->refresh_expires)});
}

SQL_TOKEN_FUNCTION(session_service_validate_session_proof) {
    const Arguments arguments{fcinfo};
    arguments.require(2, "http_method");
    arguments.require(3, "http_uri");
    const pg::Value ip_address = arguments.address(4);
    const auto presented = service::read_token(arguments.token(0), core::TokenKind::session);
    if (!presented) {
        pg::count(pg::Counter::validations_refused);
        return api::no_row(fcinfo);
    }
    std::optional<Datum> row;
    auto lookup = store::SessionLookup::open(session_service::table::sessions::challenge_key);
    if (const auto session = service::validate_proven(
            lookup, *presented, api::presented_proof(arguments, 1), ip_address)) {
        row = api::one_row(fcinfo, api::valid_session_values(*session));
    }
    lookup.close();
    return row ? *row : api::no_row(fcinfo);
}
