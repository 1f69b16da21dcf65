#include "core/scope.hpp"

#include <algorithm>

namespace session_service::core {
namespace {

/// Printable ASCII but the space, `"` and `\`, which delimit scopes where they are listed.
constexpr bool is_scope_character(char character) noexcept {
    return character > ' ' && character <= '~' && character != '"' && character != '\\';
}

} // namespace

bool is_scope_token(std::string_view scope) noexcept {
    return !scope.empty() && std::all_of(scope.begin(), scope.end(), is_scope_character);
}

} // namespace session_service::core
