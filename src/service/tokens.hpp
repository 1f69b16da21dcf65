// Making and reading the tokens of sessions.
#pragma once

#include "core/token.hpp"

#include "pg/prelude.hpp"

namespace session_service::service {

/// A token that was presented, with the hash of its text and where that leads: for one of ours it
/// follows from the text, for an imported one from a table.
struct Presented {
    std::string_view text;
    core::Digest hash;
    core::TokenKind kind;
    core::Uuid session_id;
    core::ParsedToken token; // empty where imported
    bool is_imported = false;

    /// What the presented token alone knows, to derive its successors from.
    core::Bytes key_material() const {
        return is_imported ? core::bytes_of(text) : token.secret.view();
    }
};

/// Reads a token of either kind; nothing for any other text. A text with our prefix is judged
/// before any table is read; one without can only be an imported token: up to 512 printable ASCII
/// characters.
std::optional<Presented> read_any_token(std::optional<std::string_view> text);

/// Reads a token of this kind.
std::optional<Presented> read_token(std::optional<std::string_view> text, core::TokenKind kind);

/// A token as it is shown once, with the hash that is stored.
struct Issued {
    core::TokenText text;
    core::Digest hash{};
};

/// Random bytes for a secret, as many as the settings ask for.
core::Secret new_secret();

Issued issue_session_token(const core::Uuid& session_id, const core::Secret& secret);
Issued issue_refresh_token(const core::Uuid& session_id, const core::FamilyKey& family_key,
                           const core::Secret& secret);

} // namespace session_service::service
