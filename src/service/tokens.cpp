#include "service/tokens.hpp"

#include "core/crypto.hpp"

#include "pg/arguments.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "store/imported_tokens.hpp"

namespace session_service::service {

namespace {

Issued issued(const core::TokenText& text) {
    return {.text = text, .hash = core::sha256(core::bytes_of(text.view()))};
}

std::optional<Presented> read_own(std::string_view text) {
    const std::optional<core::ParsedToken> token = core::parse_token(text);
    if (!token) {
        return std::nullopt;
    }
    return Presented{.text = text,
                     .hash = core::sha256(core::bytes_of(text)),
                     .kind = token->kind,
                     .session_id = token->session_id,
                     .token = *token,
                     .is_imported = false};
}

bool may_be_imported(std::string_view text) {
    return !text.empty() && text.size() <= pg::max_presented_length &&
           std::ranges::all_of(text,
                               [](char character) { return character >= ' ' && character <= '~'; });
}

std::optional<Presented> find_imported(std::string_view text) {
    const core::Digest hash = core::sha256(core::bytes_of(text));
    const auto imported = store::find_imported_token(hash);
    if (!imported) {
        return std::nullopt;
    }
    return Presented{.text = text,
                     .hash = hash,
                     .kind =
                         imported->is_refresh ? core::TokenKind::refresh : core::TokenKind::session,
                     .session_id = imported->session_id,
                     .token = {},
                     .is_imported = true};
}

} // namespace

std::optional<Presented> read_any_token(std::optional<std::string_view> text) {
    if (!text) {
        return std::nullopt;
    }
    if (core::has_token_prefix(*text)) {
        return read_own(*text);
    }
    return may_be_imported(*text) ? find_imported(*text) : std::nullopt;
}

std::optional<Presented> read_token(std::optional<std::string_view> text, core::TokenKind kind) {
    const std::optional<Presented> presented = read_any_token(text);
    return presented && presented->kind == kind ? presented : std::nullopt;
}

core::Secret new_secret() {
    core::Secret secret;
    secret.length = pg::settings::token_length();
    pg::fill_random(secret.view());
    return secret;
}

Issued issue_session_token(const core::Uuid& session_id, const core::Secret& secret) {
    return issued(core::format_session_token(session_id, secret));
}

Issued issue_refresh_token(const core::Uuid& session_id, const core::FamilyKey& family_key,
                           const core::Secret& secret) {
    return issued(core::format_refresh_token(session_id, family_key, secret));
}

} // namespace session_service::service
