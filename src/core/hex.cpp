#include "core/hex.hpp"

namespace session_service::core {

namespace {

/// The value of a digit; -1 for any other character.
constexpr int digit_value(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

} // namespace

void hex_encode(Bytes data, char* out) noexcept {
    static constexpr std::string_view digits = "0123456789abcdef";
    for (const std::uint8_t byte : data) {
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 0x0f];
    }
}

bool hex_decode(std::string_view text, MutableBytes out) noexcept {
    if (text.size() != out.size() * 2) {
        return false;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit_value(text[2 * i]);
        const int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

} // namespace session_service::core
