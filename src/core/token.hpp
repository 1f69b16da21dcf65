// The text form of tokens.
//
//   session token  sst_ base64url( version 1B | session id 16B |                  secret | crc 4B )
//   refresh token  ssr_ base64url( version 1B | session id 16B | family key 16B | secret | crc 4B )
//
// A token carries its address (the session's id), so that it is found by primary key and compared
// with the stored hash; no index on any hash exists. The checksum (CRC-32C, big endian) covers the
// prefix and every byte before it, so that noise is refused before a table is read and a secret
// scanner can tell a token from a look-alike. The secret is 16 to 64 bytes; its length follows from
// the token's.
#pragma once

#include "core/bytes.hpp"

#include <optional>

namespace session_service::core {

enum class TokenKind : std::uint8_t { session, refresh };

inline constexpr std::size_t min_secret_length = 16;
inline constexpr std::size_t max_secret_length = 64;
inline constexpr std::size_t max_token_length = 160;
inline constexpr std::size_t token_prefix_length = 4;
inline constexpr std::string_view session_token_prefix = "sst_";
inline constexpr std::string_view refresh_token_prefix = "ssr_";

/// The random or derived part of a token.
struct Secret {
    std::array<std::uint8_t, max_secret_length> bytes{};
    std::size_t length = 0;

    Bytes view() const noexcept { return {bytes.data(), length}; }
    MutableBytes view() noexcept { return {bytes.data(), length}; }
};

/// What all refresh tokens of one session share, so that a spent one is known without a history.
using FamilyKey = std::array<std::uint8_t, 16>;

/// A token as text, in place: no allocation.
struct TokenText {
    std::array<char, max_token_length> chars{};
    std::size_t length = 0;

    std::string_view view() const noexcept { return {chars.data(), length}; }
};

/// What a well-formed token says of itself. It is not proof of anything.
struct ParsedToken {
    TokenKind kind = TokenKind::session;
    Uuid session_id{};
    FamilyKey family_key{}; // zero in a session token
    Secret secret;
};

/// Whether `text` claims to be one of our tokens; anything else can only be an imported one.
bool has_token_prefix(std::string_view text) noexcept;

/// Reads a token of either kind; nothing where prefix, alphabet, length, version or checksum is
/// wrong. Any bytes may be given.
std::optional<ParsedToken> parse_token(std::string_view text) noexcept;

/// Write a token. The secret's length must lie within the bounds above.
TokenText format_session_token(const Uuid& session_id, const Secret& secret) noexcept;
TokenText format_refresh_token(const Uuid& session_id, const FamilyKey& family_key,
                               const Secret& secret) noexcept;

} // namespace session_service::core
