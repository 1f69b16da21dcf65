// Characters and words of a User-Agent header.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace session_service::core::user_agents {

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_upper(char c) noexcept {
    return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) noexcept {
    return lower(c) >= 'a' && lower(c) <= 'z';
}
constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
/// Control characters separate as blanks do, so that no name has one.
constexpr bool is_space(char c) noexcept {
    return c == ' ' || is_control(c);
}

/// The names of the protocol are ASCII; other bytes equal themselves alone.
constexpr bool equal(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

constexpr bool starts_with(std::string_view text, std::string_view prefix) noexcept {
    return text.size() >= prefix.size() && equal(text.substr(0, prefix.size()), prefix);
}

/// Whether `text` contains `needle`, which is written in lower case.
constexpr bool contains(std::string_view text, std::string_view needle) noexcept {
    for (std::size_t i = 0; i + needle.size() <= text.size(); ++i) {
        if (lower(text[i]) == needle.front() && equal(text.substr(i, needle.size()), needle)) {
            return true;
        }
    }
    return false;
}

/// The beginning of `text`, at most `limit` bytes of it, without half a character of UTF-8 at its
/// end.
constexpr std::string_view shorten(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) {
        return text;
    }
    const auto is_continuation = [&](std::size_t at) {
        return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
    };
    std::size_t end = limit;
    while (limit - end < 3 && is_continuation(end)) {
        --end;
    }
    return text.substr(0, is_continuation(end) ? limit : end);
}

constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// The numbers that `text` begins with, and the dots or underscores between them.
constexpr std::string_view leading_numbers(std::string_view text) noexcept {
    std::size_t end = 0;
    while (end < text.size() && (is_digit(text[end]) || text[end] == '.' || text[end] == '_')) {
        ++end;
    }
    while (end > 0 && !is_digit(text[end - 1])) {
        --end;
    }
    return text.substr(0, end);
}

/// The version that `text` begins with, suffixes included ("5.0.0-alpha.14"), without the "v" that
/// some put before it. Empty if it does not begin with a number.
constexpr std::string_view leading_version(std::string_view text) noexcept {
    if (text.size() > 1 && lower(text[0]) == 'v' && is_digit(text[1])) {
        text.remove_prefix(1);
    }
    if (text.empty() || !is_digit(text.front())) {
        return {};
    }
    std::size_t end = leading_numbers(text).size();
    if (end < text.size() && is_upper(text[end])) {
        return text.substr(0, end); // "Safari/537.36Snapchat12.88" is two products
    }
    while (end < text.size() && (is_digit(text[end]) || is_letter(text[end]) || text[end] == '.' ||
                                 text[end] == '_' || text[end] == '-' || text[end] == '+')) {
        ++end;
    }
    return text.substr(0, end);
}

constexpr bool ends_word(char c) noexcept {
    return is_space(c) || c == '/' || c == '-' || c == ';' || c == ':' || c == '(' || c == ')';
}

/// Cuts the next word off `text`; empty at its end.
constexpr std::string_view next_word(std::string_view& text) noexcept {
    std::size_t begin = 0;
    while (begin < text.size() && ends_word(text[begin])) {
        ++begin;
    }
    std::size_t end = begin;
    while (end < text.size() && !ends_word(text[end])) {
        ++end;
    }
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

} // namespace session_service::core::user_agents
