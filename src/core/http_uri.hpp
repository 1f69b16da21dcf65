// The URI of an HTTP request in the one form in which it is compared (RFC 9449, section 4.3).
#pragma once

#include "core/bytes.hpp"

#include <optional>
#include <string>

namespace session_service::core {

/// No URI that is longer, query and fragment aside, is looked at.
inline constexpr std::size_t max_http_uri_length = 2048;

/// An absolute http or https URI without its query and fragment, whatever those hold, normalized by
/// syntax and by scheme (RFC 3986, sections 6.2.2 and 6.2.3): case of scheme, host and
/// percent-encoding, encoded unreserved characters, dot segments, an empty path, the scheme's own
/// port. Nothing for any other text, one with user information among them. Read by uriparser. Where
/// memory runs out, std::bad_alloc is thrown.
std::optional<std::string> normalize_http_uri(std::string_view text);

} // namespace session_service::core
