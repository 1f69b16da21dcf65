// Base64 with the URL-safe alphabet and no padding (RFC 4648, section 5).
#pragma once

#include "core/bytes.hpp"

#include <optional>

namespace session_service::core {

/// The number of characters that `size` bytes encode to.
constexpr std::size_t base64url_length(std::size_t size) noexcept {
    return (size * 8 + 5) / 6;
}

/// Writes base64url_length(data.size()) characters to `out`, and returns how many.
std::size_t base64url_encode(Bytes data, char* out) noexcept;

/// Decodes `text` into `out`, and returns the number of bytes; nothing for a character outside
/// the alphabet, an impossible length, spare bits that are not zero (so each byte string has
/// exactly one text), or an `out` that is too small. Without an answer, what `out` holds is
/// undefined.
std::optional<std::size_t> base64url_decode(std::string_view text, MutableBytes out) noexcept;

} // namespace session_service::core
