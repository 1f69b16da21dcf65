// Test vectors are published in hexadecimal; these read and write it.
#pragma once

#include "core/hex.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace session_service::test {

/// The bytes that `text` spells; blanks and hyphens only group them.
inline std::vector<std::uint8_t> from_hex(std::string_view text) {
    std::string digits(text);
    std::erase_if(digits, [](char character) { return character == ' ' || character == '-'; });
    std::vector<std::uint8_t> bytes(digits.size() / 2);
    if (!core::hex_decode(digits, bytes)) {
        throw std::invalid_argument("not a hexadecimal vector");
    }
    return bytes;
}

inline std::string to_hex(core::Bytes bytes) {
    std::string text(bytes.size() * 2, '\0');
    core::hex_encode(bytes, text.data());
    return text;
}

/// As from_hex, where the number of bytes is fixed: a UUID, a key, a salt.
template <std::size_t size>
std::array<std::uint8_t, size> array_from_hex(std::string_view text) {
    const std::vector<std::uint8_t> bytes = from_hex(text);
    if (bytes.size() != size) {
        throw std::invalid_argument("wrong number of hexadecimal digits");
    }
    std::array<std::uint8_t, size> result{};
    std::copy(bytes.begin(), bytes.end(), result.begin());
    return result;
}

inline core::Uuid uuid(std::string_view text) {
    return array_from_hex<16>(text);
}

} // namespace session_service::test
