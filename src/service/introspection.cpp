#include "service/introspection.hpp"

#include "core/lifetime.hpp"

#include "store/session_lookup.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
}

namespace session_service::service {

namespace {

using store::SessionRow;
namespace column = store::column;

// Whether the session stands behind the token at this moment.
bool is_active(const SessionRow& session, const Presented& presented) {
    const core::Micros now = pg::now();
    const core::Deadlines deadlines = session.deadlines();
    if (presented.kind == core::TokenKind::session) {
        return session.matches(column::token_hash, presented.hash) && !session.is_closed() &&
               core::status_of(session.is_revoked(), deadlines, now) == core::Status::active;
    }
    return session.matches(column::refresh_hash, presented.hash) && !session.is_revoked() &&
           !session.is_closed() && core::is_usable(deadlines, now) && now < deadlines.refresh;
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
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(scopes), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                      &nulls, &count);
    appendStringInfoString(json, ", \"scope\": \"");
    for (int i = 0; i < count; ++i) {
        const std::string_view scope = pg::to_view(elements[i]);
        appendStringInfo(json, "%s%.*s", i == 0 ? "" : " ", static_cast<int>(scope.size()),
                         scope.data());
    }
    appendStringInfoChar(json, '"');
}

void append_details(StringInfo json, const SessionRow& session, core::TokenKind kind) {
    const bool is_session_token = kind == core::TokenKind::session;
    append_uuid(json, "sub", session.uuid(column::user_id));
    append_scopes(json, session.get(column::scopes).value);
    const core::Micros expires =
        session.time(is_session_token ? column::expires_at : column::refresh_expires_at);
    const core::Micros issued = session.time(column::rotated_at, session.time(column::created_at));
    appendStringInfo(json, ", \"exp\": %lld, \"iat\": %lld", unix_seconds(expires),
                     unix_seconds(issued));
    append_uuid(json, "jti", session.uuid(column::id));
    appendStringInfo(json, ", \"token_type\": \"%s\"",
                     is_session_token ? "Bearer" : "refresh_token");
}

} // namespace

Datum introspect(const std::optional<Presented>& presented) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"active\": ");
    bool active = false;
    if (presented) {
        store::SessionLookup lookup = store::SessionLookup::open(column::refresh_hash);
        const auto session = lookup.find(presented->session_id);
        if (session && is_active(*session, *presented)) {
            active = true;
            appendStringInfoString(&json, "true");
            append_details(&json, *session, presented->kind);
        }
        lookup.close();
    }
    appendStringInfoString(&json, active ? "}" : "false}");
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

} // namespace session_service::service
