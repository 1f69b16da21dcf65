// As text: session id, user id, the times of authentication and of MFA, in hexadecimal digits of
// fixed number; the scopes with a space between them, and in a line of its own the metadata. A
// policy asks for each row, so that it must be quick to read.

#include "service/identity.hpp"

#include "core/hex.hpp"

#include "pg/identity_setting.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/jsonb.h"
}

namespace session_service::service {

namespace {

constexpr char end_of_scopes = '\n'; // which JSON escapes, and no scope has

using TimeBytes = std::array<std::uint8_t, sizeof(core::Micros)>;

template <std::size_t Size>
void append_hex(StringInfo text, const std::array<std::uint8_t, Size>& bytes) {
    std::array<char, 2 * Size> digits{};
    core::hex_encode(bytes, digits.data());
    appendBinaryStringInfo(text, digits.data(), static_cast<int>(digits.size()));
}

void append_scopes(StringInfo text, Datum array) {
    const char* separator = "";
    for (const Datum element : pg::elements_of(array)) {
        const std::string_view scope = pg::to_view(element);
        appendStringInfoString(text, separator);
        appendBinaryStringInfo(text, scope.data(), static_cast<int>(scope.size()));
        separator = " ";
    }
}

void append_json(StringInfo text, Datum document) {
    Jsonb* json = DatumGetJsonbP(document);
    (void)JsonbToCString(text, &json->root, static_cast<int>(VARSIZE(json)));
}

// Takes the bytes that the text begins with off it; false where it does not.
template <std::size_t Size>
bool take_hex(std::string_view& text, std::array<std::uint8_t, Size>& bytes) {
    if (text.size() < 2 * Size || !core::hex_decode(text.substr(0, 2 * Size), bytes)) {
        return false;
    }
    text.remove_prefix(2 * Size);
    return true;
}

} // namespace

void bind_identity(const store::SessionRow& session) {
    namespace sessions = table::sessions;
    bind_identity(session.uuid(sessions::id), session.uuid(sessions::user_id),
                  session.time(sessions::authenticated_at), session.time(sessions::mfa_verified_at),
                  session.get(sessions::scopes).value, session.get(sessions::metadata).value);
}

void bind_identity(const core::Uuid& session_id, const core::Uuid& user_id,
                   core::Micros authenticated, core::Micros mfa_verified, Datum scopes,
                   Datum metadata) {
    StringInfoData text;
    initStringInfo(&text);
    append_hex(&text, session_id);
    append_hex(&text, user_id);
    append_hex(&text, std::bit_cast<TimeBytes>(authenticated));
    append_hex(&text, std::bit_cast<TimeBytes>(mfa_verified));
    append_scopes(&text, scopes);
    appendStringInfoChar(&text, end_of_scopes);
    append_json(&text, metadata);
    pg::identity_setting::assign(text.data);
    pfree(text.data);
}

void clear_identity() {
    pg::identity_setting::assign("");
}

std::optional<Identity> current_identity() {
    std::string_view text = pg::identity_setting::current();
    Identity identity{};
    TimeBytes authenticated{};
    TimeBytes mfa_verified{};
    if (!take_hex(text, identity.session_id) || !take_hex(text, identity.user_id) ||
        !take_hex(text, authenticated) || !take_hex(text, mfa_verified)) {
        return std::nullopt;
    }
    identity.authenticated = std::bit_cast<core::Micros>(authenticated);
    identity.mfa_verified = std::bit_cast<core::Micros>(mfa_verified);
    const std::size_t end = text.find(end_of_scopes);
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    identity.scopes = text.substr(0, end);
    identity.metadata = text.substr(end + 1);
    return identity;
}

bool is_authenticated_within(const Identity& identity, core::Micros max_age) {
    return pg::now() < core::later(identity.authenticated, max_age);
}

bool is_mfa_verified(const Identity& identity, std::optional<core::Micros> max_age) {
    return identity.mfa_verified != core::never &&
           (!max_age || pg::now() < core::later(identity.mfa_verified, *max_age));
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
