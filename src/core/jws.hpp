// JSON Web Signatures in compact form (RFC 7515, section 7.1), taken apart.
#pragma once

#include "core/json.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace session_service::core {

/// No text that is longer is looked at.
inline constexpr std::size_t max_jws_length = 8192;

struct Jws {
    JsonObject header;
    JsonObject payload;
    std::string_view signing_input; // a part of the text that was read
    std::vector<std::uint8_t> signature;
};

/// Reads a signature whose payload is an object. Nothing for any other text: three parts in strict
/// base64url, each byte string having one text; no `crit` in the header, since no extension is
/// understood. Any bytes may be given. The text has to outlive what is returned.
std::optional<Jws> parse_jws(std::string_view text);

} // namespace session_service::core
