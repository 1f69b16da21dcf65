// Hexadecimal text (RFC 4648, section 8), written in lower case and read in either.
#pragma once

#include "core/bytes.hpp"

namespace session_service::core {

/// Writes two characters for each byte of `data` to `out`.
void hex_encode(Bytes data, char* out) noexcept;

/// Decodes `text` into `out`, which it must fill exactly; false, with `out` in any state, for
/// another length or a character that is no hexadecimal digit.
bool hex_decode(std::string_view text, MutableBytes out) noexcept;

} // namespace session_service::core
