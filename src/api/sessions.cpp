// A session's life: sign-in, validation, refresh, rotation, extension, introspection.

#include "api/proof.hpp"
#include "api/rows.hpp"
#include "api/valid_session.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"
#include "service/external_id.hpp"
#include "service/import.hpp"
#include "service/introspection.hpp"
#include "service/renewal.hpp"
#include "service/sign_in.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
}

using session_service::pg::Arguments;
namespace api = session_service::api;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;

namespace {

// So many tokens of a batch are read before the first one's row is looked at: by then its memory
// has come.
constexpr int read_ahead = 8;

void add_valid_session(api::RowCollector& rows, store::SessionLookup& lookup,
                       const service::SessionKey& key, int position) {
    if (const auto session = service::validate(lookup, key, pg::null_value)) {
        std::array<pg::Value, 13> values{pg::integer_value(position)};
        std::ranges::copy(api::valid_session_values(*session), values.begin() + 1);
        rows.add(values);
    }
}

// The ids of both lists, one after the other.
pg::Value uuid_array(std::span<core::Uuid> first, std::span<core::Uuid> second) {
    const std::size_t count = first.size() + second.size();
    const std::span ids{static_cast<core::Uuid*>(palloc(count * sizeof(core::Uuid) + 1)), count};
    std::ranges::copy(second, std::ranges::copy(first, ids.begin()).out);
    return pg::uuid_array_value(ids);
}

// The hash by which an identity provider's session is found; nothing where none is named.
std::optional<core::Digest> external_hash(const Arguments& arguments, int number) {
    const pg::Value id = arguments.nonempty_text(number, "external_id", pg::max_external_id_length);
    return id.isnull ? std::nullopt : std::optional{service::hash_external_id(id)};
}

} // namespace

// The device key is a secret as well.
SQL_TOKEN_FUNCTION(session_service_create_session) {
    const Arguments arguments{fcinfo};
    const service::SignIn request{
        .user_id = arguments.uuid(0, "user_id"),
        .device_name = arguments.display_name(1, "device_name"),
        .user_agent = arguments.nonempty_text(2, "user_agent", pg::max_user_agent_length),
        .ip_address = arguments.address(3),
        .device_key = arguments.nonempty_text(5, "device_key", pg::max_device_key_length),
        .scopes = arguments.scopes(4, true),
        .metadata = arguments.metadata(6, true),
        .session_expiry = arguments.duration(7, "session_expiry"),
        .inactivity_timeout = arguments.duration(8, "inactivity_timeout"),
        .issue_refresh = arguments.boolean_or(9, true),
        .refresh_expiry = arguments.duration(10, "refresh_expiry"),
        .absolute_timeout = arguments.duration(11, "absolute_timeout"),
        .acr = arguments.nonempty_text(12, "acr", pg::max_acr_length),
        .amr = arguments.authentication_methods(13),
        .external_hash = external_hash(arguments, 14),
        .replace_device_sessions = arguments.boolean_or(15, false)};
    const service::SignedIn made = service::sign_in(request);
    return api::one_row(
        fcinfo,
        std::array<pg::Value, 9>{
            pg::uuid_value(made.session_id), pg::text_value(made.token.view()),
            made.refresh_token ? pg::text_value(made.refresh_token->view()) : pg::null_value,
            pg::time_value(made.expires), pg::time_value(made.refresh_expires),
            pg::uuid_value(made.device_id), pg::boolean_value(made.is_new_device),
            uuid_array(made.replaced_session_ids, made.evicted_session_ids),
            pg::boolean_value(made.is_first_device)});
}

SQL_TOKEN_FUNCTION(session_service_validate_session) {
    const Arguments arguments{fcinfo};
    return api::valid_session(fcinfo, service::read_session_token(arguments.token(0)),
                              arguments.address(1));
}

SQL_TOKEN_FUNCTION(session_service_validate_user) {
    const Arguments arguments{fcinfo};
    const auto key = service::read_session_token(arguments.token(0));
    if (!key) {
        PG_RETURN_NULL();
    }
    std::optional<core::Uuid> user_id;
    service::with_valid_session(
        *key, arguments.address(1), [&user_id](const store::SessionRow& session) {
            user_id = session.uuid(session_service::table::sessions::user_id);
        });
    if (!user_id) {
        PG_RETURN_NULL();
    }
    return pg::new_uuid(*user_id);
}

SQL_TOKEN_FUNCTION(session_service_validate_session_hash) {
    const Arguments arguments{fcinfo};
    const core::Uuid session_id = arguments.uuid(0, "session_id");
    std::optional<service::SessionKey> key;
    if (!arguments.is_null(1)) {
        key = service::SessionKey{.session_id = session_id,
                                  .hash = pg::to_digest(arguments.datum(1))};
    }
    return api::valid_session(fcinfo, key, arguments.address(2));
}

SQL_TOKEN_FUNCTION(session_service_validate_sessions) {
    const Arguments arguments{fcinfo};
    api::RowCollector rows{fcinfo};
    if (arguments.is_null(0)) {
        return 0;
    }
    Datum* tokens = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(arguments.datum(0)), TEXTOID, -1, false, TYPALIGN_INT,
                      &tokens, &nulls, &count);
    store::SessionLookup lookup = store::SessionLookup::open(service::last_validated_column);
    std::array<std::optional<service::SessionKey>, read_ahead> keys;
    for (int i = 0; i < count + read_ahead; ++i) {
        CHECK_FOR_INTERRUPTS();
        auto& key = keys[static_cast<std::size_t>(i % read_ahead)];
        if (key) {
            add_valid_session(rows, lookup, *key, i - read_ahead + 1);
            key.reset();
        }
        if (i < count && !nulls[i]) {
            key = service::read_session_token(pg::to_view(tokens[i]));
        }
        if (key) {
            store::SessionLookup::expect(key->session_id);
        }
    }
    lookup.close();
    return 0;
}

SQL_TOKEN_FUNCTION(session_service_refresh_session) {
    const Arguments arguments{fcinfo};
    const auto presented = service::read_token(arguments.token(0), core::TokenKind::refresh);
    const pg::Value user_agent =
        arguments.nonempty_text(2, "user_agent", pg::max_user_agent_length);
    const auto pair = presented ? service::refresh(*presented, api::presented_proof(arguments, 3),
                                                   arguments.address(1), user_agent)
                                : std::nullopt;
    if (!pair) {
        return api::no_row(fcinfo);
    }
    return api::one_row(
        fcinfo, std::array<pg::Value, 7>{
                    pg::uuid_value(pair->session_id), pg::uuid_value(pair->user_id),
                    pg::text_value(pair->token.view()), pg::text_value(pair->refresh_token.view()),
                    pg::time_value(pair->expires), pg::time_value(pair->refresh_expires),
                    pg::boolean_value(pair->repeated)});
}

SQL_TOKEN_FUNCTION(session_service_rotate_session_token) {
    const Arguments arguments{fcinfo};
    const auto presented = service::read_token(arguments.token(0), core::TokenKind::session);
    const auto rotated = presented ? service::rotate(*presented) : std::nullopt;
    if (!rotated) {
        return api::no_row(fcinfo);
    }
    return api::one_row(fcinfo, std::array<pg::Value, 3>{pg::uuid_value(rotated->session_id),
                                                         pg::text_value(rotated->token.view()),
                                                         pg::time_value(rotated->expires)});
}

SQL_TOKEN_FUNCTION(session_service_reauthenticate_session) {
    const Arguments arguments{fcinfo};
    const auto presented = service::read_token(arguments.token(0), core::TokenKind::session);
    const service::NewAuthentication authentication{
        .acr = arguments.nonempty_text(1, "acr", pg::max_acr_length),
        .amr = arguments.authentication_methods(2),
        .ip_address = arguments.address(3)};
    const auto pair =
        presented ? service::reauthenticate(*presented, authentication) : std::nullopt;
    if (!pair) {
        return api::no_row(fcinfo);
    }
    return api::one_row(
        fcinfo,
        std::array<pg::Value, 6>{
            pg::uuid_value(pair->session_id), pg::uuid_value(pair->user_id),
            pg::text_value(pair->token.view()),
            pair->refresh_token ? pg::text_value(pair->refresh_token->view()) : pg::null_value,
            pg::time_value(pair->expires), pg::time_value(pair->refresh_expires)});
}

SQL_FUNCTION(session_service_extend_session) {
    const Arguments arguments{fcinfo};
    const auto expires =
        service::extend(arguments.uuid(0, "session_id"), arguments.duration(1, "by"));
    if (!expires) {
        PG_RETURN_NULL();
    }
    PG_RETURN_TIMESTAMPTZ(*expires);
}

SQL_TOKEN_FUNCTION(session_service_introspect_token) {
    return service::introspect(service::read_any_token(Arguments{fcinfo}.token(0)));
}

SQL_TOKEN_FUNCTION(session_service_import_session) {
    const Arguments arguments{fcinfo};
    arguments.require(0, "token_hash");
    const service::ImportedSession request{
        .token_hash = pg::to_digest(arguments.datum(0)),
        .refresh_hash =
            arguments.is_null(3) ? std::nullopt : std::optional{pg::to_digest(arguments.datum(3))},
        .user_id = arguments.uuid(1, "user_id"),
        .expires = arguments.time(2, "expires_at"),
        .refresh_expires = arguments.optional_time(12, "refresh_expires_at"),
        .created = arguments.optional_time(8, "created_at"),
        .last_activity = arguments.optional_time(9, "last_activity_at"),
        .is_mfa_verified = arguments.boolean_or(10, false),
        .device_name = arguments.display_name(4, "device_name"),
        .user_agent = arguments.nonempty_text(5, "user_agent", pg::max_user_agent_length),
        .ip_address = arguments.address(6),
        .device_key = arguments.nonempty_text(13, "device_key", pg::max_device_key_length),
        .scopes = arguments.scopes(7, true),
        .metadata = arguments.metadata(11, true)};
    return pg::new_uuid(service::import_session(request));
}
