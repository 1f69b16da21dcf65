// Names that people give to things.
#pragma once

#include <string_view>

namespace session_service::core {

/// The name without the white space around it: that of ASCII and, in UTF-8, all that Unicode calls
/// so (property White_Space). Empty where there is nothing else.
std::string_view trimmed(std::string_view name, bool is_utf8) noexcept;

} // namespace session_service::core
