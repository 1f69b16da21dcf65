#include "core/display_name.hpp"

#include <algorithm>
#include <array>

namespace session_service::core {
namespace {

using namespace std::literals;

constexpr std::array ascii_spaces{" "sv, "\t"sv, "\n"sv, "\v"sv, "\f"sv, "\r"sv};

// PropList.txt of the Unicode Character Database, White_Space beyond ASCII.
constexpr std::array unicode_spaces{
    "\xc2\x85"sv,     // U+0085 next line
    "\xc2\xa0"sv,     // U+00A0 no-break space
    "\xe1\x9a\x80"sv, // U+1680 ogham space mark
    "\xe2\x80\x80"sv, // U+2000 to U+200A: spaces by their width
    "\xe2\x80\x81"sv, "\xe2\x80\x82"sv, "\xe2\x80\x83"sv, "\xe2\x80\x84"sv, "\xe2\x80\x85"sv,
    "\xe2\x80\x86"sv, "\xe2\x80\x87"sv, "\xe2\x80\x88"sv, "\xe2\x80\x89"sv, "\xe2\x80\x8a"sv,
    "\xe2\x80\xa8"sv, // U+2028 line separator
    "\xe2\x80\xa9"sv, // U+2029 paragraph separator
    "\xe2\x80\xaf"sv, // U+202F narrow no-break space
    "\xe2\x81\x9f"sv, // U+205F medium mathematical space
    "\xe3\x80\x80"sv, // U+3000 ideographic space
};

// How many bytes of `spaces` the name begins, or ends, with.
template <typename Spaces, typename Matches>
std::size_t first_match(const Spaces& spaces, Matches matches) noexcept {
    const auto* found = std::find_if(spaces.begin(), spaces.end(), matches);
    return found == spaces.end() ? 0 : found->size();
}

template <typename Matches>
std::size_t space_at(bool is_utf8, Matches matches) noexcept {
    const std::size_t size = first_match(ascii_spaces, matches);
    return size == 0 && is_utf8 ? first_match(unicode_spaces, matches) : size;
}

} // namespace

std::string_view trimmed(std::string_view name, bool is_utf8) noexcept {
    const auto begins = [&name](std::string_view space) { return name.starts_with(space); };
    const auto ends = [&name](std::string_view space) { return name.ends_with(space); };
    while (const std::size_t size = space_at(is_utf8, begins)) {
        name.remove_prefix(size);
    }
    while (const std::size_t size = space_at(is_utf8, ends)) {
        name.remove_suffix(size);
    }
    return name;
}

} // namespace session_service::core
