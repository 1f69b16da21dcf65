#include "core/bucket_set.hpp"

#include <algorithm>
#include <charconv>

namespace session_service::core {

namespace {

constexpr std::string_view white_space = " \t\n\r\f\v";

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

// Takes the text up to a separator, and that, off the rest.
std::string_view take_until(std::string_view& rest, char separator) noexcept {
    const std::size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
}

std::optional<std::uint16_t> bucket_from(std::string_view text) noexcept {
    const std::string_view digits = trimmed(text);
    std::uint16_t bucket = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bucket);
    if (error != std::errc{} || end != digits.data() + digits.size() || bucket >= bucket_count) {
        return std::nullopt;
    }
    return bucket;
}

} // namespace

std::optional<BucketSet> BucketSet::parse(std::string_view text) noexcept {
    BucketSet set;
    std::string_view rest = trimmed(text);
    if (rest.empty()) {
        set.add(0, bucket_count - 1);
        return set;
    }
    if (rest == "none") {
        return set;
    }
    if (rest.back() == ',') {
        return std::nullopt;
    }
    while (!rest.empty()) {
        std::string_view item = take_until(rest, ',');
        const bool is_range = item.find('-') != std::string_view::npos;
        const auto first = bucket_from(take_until(item, '-'));
        const auto last = is_range ? bucket_from(item) : first;
        if (!first || !last || *last < *first) {
            return std::nullopt;
        }
        set.add(*first, *last);
    }
    return set;
}

bool BucketSet::has_all() const noexcept {
    return std::ranges::all_of(bits_, [](std::uint8_t bits) { return bits == 0xff; });
}

void BucketSet::add(std::uint16_t first, std::uint16_t last) noexcept {
    for (unsigned bucket = first; bucket <= last; ++bucket) {
        bits_[bucket / 8] = static_cast<std::uint8_t>(bits_[bucket / 8] | 1U << bucket % 8);
    }
}

} // namespace session_service::core
