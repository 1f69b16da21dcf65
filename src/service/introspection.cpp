#include "service/introspection.hpp"

#include "core/lifetime.hpp"
#include "core/public_key.hpp"

#include "store/sessions.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
}

namespace session_service::service {

namespace {

using store::SessionRow;
namespace sessions = table::sessions;

// Whether the session stands behind the token at this moment.
bool is_active(const SessionRow& session, const Presented& presented) {
    const core::Micros now = pg::now();
    return presented.kind == core::TokenKind::session
               ? session.is_opened_by(presented.hash, now) && session.is_active(now)
               : session.matches(sessions::refresh_hash, presented.hash) &&
                     session.is_refreshable(now);
}

// Seconds of the Unix epoch, downwards.
long long unix_seconds(core::Micros time) {
    const core::Micros micros = pg::to_unix(time);
    const core::Micros seconds = micros / core::micros_per_second;
    return micros % core::micros_per_second < 0 ? seconds - 1 : seconds;
}

void append_uuid(StringInfo json, const char* name, const core::Uuid& id) {
    appendStringInfo(json, ", \"%s\": \"%s\"", name,
                     DatumGetCString(DirectFunctionCall1(uuid_out, PointerGetDatum(id.data()))));
}

// Scopes have no character that JSON would escape: they are scope-tokens (core/scope.hpp).
void append_scopes(StringInfo json, Datum scopes) {
    appendStringInfoString(json, ", \"scope\": \"");
    const char* separator = "";
    for (const Datum element : pg::elements_of(scopes)) {
        const std::string_view scope = pg::to_view(element);
        appendStringInfo(json, "%s%.*s", separator, static_cast<int>(scope.size()), scope.data());
        separator = " ";
    }
    appendStringInfoChar(json, '"');
}

void append_string(StringInfo json, Datum word) {
    escape_json(json, TextDatumGetCString(word));
}

// The application's words, where it gave them (RFC 9470, 6.2).
void append_authentication(StringInfo json, const SessionRow& session) {
    const pg::Value acr = session.get(sessions::acr);
    if (!acr.isnull) {
        appendStringInfoString(json, ", \"acr\": ");
        append_string(json, acr.value);
    }
    const pg::Value amr = session.get(sessions::amr);
    if (!amr.isnull) {
        appendStringInfoString(json, ", \"amr\": [");
        const char* separator = "";
        for (const Datum method : pg::elements_of(amr.value)) {
            appendStringInfoString(json, separator);
            append_string(json, method);
            separator = ", ";
        }
        appendStringInfoChar(json, ']');
    }
}

// When the presented token ends. The one that a refresh replaced ends before its successor.
core::Micros end_of(const SessionRow& session, const Presented& presented) {
    if (presented.kind == core::TokenKind::refresh) {
        return session.time(sessions::refresh_expires_at);
    }
    return session.matches(sessions::token_hash, presented.hash)
               ? session.time(sessions::expires_at)
               : session.time(sessions::replaced_token_until);
}

// The key that a proof has to be by (RFC 9449, 6.2).
void append_confirmation(StringInfo json, const SessionRow& session) {
    if (session.is_bound()) {
        const core::Thumbprint thumbprint = core::thumbprint_of(session.bound_key());
        appendStringInfo(json, ", \"cnf\": {\"jkt\": \"%.*s\"}",
                         static_cast<int>(thumbprint.view().size()), thumbprint.view().data());
    }
}

const char* token_type(const SessionRow& session, core::TokenKind kind) {
    if (kind == core::TokenKind::refresh) {
        return "refresh_token";
    }
    return session.binding() == store::Binding::request ? "DPoP" : "Bearer";
}

void append_details(StringInfo json, const SessionRow& session, const Presented& presented) {
    append_uuid(json, "sub", session.uuid(sessions::user_id));
    append_scopes(json, session.get(sessions::scopes).value);
    const core::Micros issued =
        session.time(sessions::rotated_at, session.time(sessions::created_at));
    appendStringInfo(json, ", \"exp\": %lld, \"iat\": %lld, \"auth_time\": %lld",
                     unix_seconds(end_of(session, presented)), unix_seconds(issued),
                     unix_seconds(session.time(sessions::authenticated_at)));
    append_authentication(json, session);
    append_uuid(json, "jti", session.uuid(sessions::id));
    append_confirmation(json, session);
    appendStringInfo(json, ", \"token_type\": \"%s\"", token_type(session, presented.kind));
}

} // namespace

Datum introspect(const std::optional<Presented>& presented) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"active\": ");
    bool active = false;
    if (presented) {
        store::SessionLookup lookup = store::SessionLookup::open(sessions::amr);
        const auto session = lookup.find(presented->session_id);
        if (session && is_active(*session, *presented)) {
            active = true;
            appendStringInfoString(&json, "true");
            append_details(&json, *session, *presented);
        }
        lookup.close();
    }
    appendStringInfoString(&json, active ? "}" : "false}");
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

} // namespace session_service::service
