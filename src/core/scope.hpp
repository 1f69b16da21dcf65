// The scope-token of RFC 6749, section 3.3: %x21 / %x23-5B / %x5D-7E, at least one.
#pragma once

#include <string_view>

namespace session_service::core {

/// Whether `scope` has only characters that a scope may have.
bool is_scope_token(std::string_view scope) noexcept;

} // namespace session_service::core
