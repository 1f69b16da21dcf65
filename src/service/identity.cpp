// As text: session id and user id as 32 hexadecimal digits each, then '1' or '0' for MFA, then the
// scopes, each after a space. A policy asks for each row, so that it must be quick to read.

#include "service/identity.hpp"

#include "core/hex.hpp"

#include "pg/identity_setting.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
}

namespace session_service::service {

namespace {

constexpr std::size_t id_length = 2 * sizeof(core::Uuid);
constexpr std::size_t scopes_offset = 2 * id_length + 1;

void append_id(StringInfo text, const core::Uuid& id) {
    std::array<char, id_length> digits{};
    core::hex_encode(id, digits.data());
    appendBinaryStringInfo(text, digits.data(), static_cast<int>(digits.size()));
}

} // namespace

void bind_identity(const store::SessionRow& session) {
    namespace sessions = table::sessions;
    StringInfoData text;
    initStringInfo(&text);
    append_id(&text, session.uuid(sessions::id));
    append_id(&text, session.uuid(sessions::user_id));
    appendStringInfoChar(&text, session.is_null(sessions::mfa_verified_at) ? '0' : '1');
    Datum* scopes = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(session.get(sessions::scopes).value), TEXTOID, -1, false,
                      TYPALIGN_INT, &scopes, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        const std::string_view scope = pg::to_view(scopes[i]);
        appendStringInfoChar(&text, ' ');
        appendBinaryStringInfo(&text, scope.data(), static_cast<int>(scope.size()));
    }
    pg::identity_setting::assign(text.data);
    pfree(text.data);
}

void clear_identity() {
    pg::identity_setting::assign("");
}

std::optional<Identity> current_identity() {
    const std::string_view text = pg::identity_setting::current();
    Identity identity{};
    if (text.size() < scopes_offset ||
        !core::hex_decode(text.substr(0, id_length), identity.session_id) ||
        !core::hex_decode(text.substr(id_length, id_length), identity.user_id)) {
        return std::nullopt;
    }
    identity.is_mfa_verified = text[scopes_offset - 1] == '1';
    identity.scopes = text.substr(scopes_offset);
    if (!identity.scopes.empty()) {
        identity.scopes.remove_prefix(1);
    }
    return identity;
}

bool has_scope(std::string_view scopes, std::string_view scope) {
    while (!scopes.empty()) {
        const std::size_t end = std::min(scopes.find(' '), scopes.size());
        if (scopes.substr(0, end) == scope) {
            return true;
        }
        scopes.remove_prefix(std::min(end + 1, scopes.size()));
    }
    return false;
}

} // namespace session_service::service
