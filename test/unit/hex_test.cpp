#include "core/hex.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace session_service::core {
namespace {

std::string encode(Bytes data) {
    std::string text(data.size() * 2, '\0');
    hex_encode(data, text.data());
    return text;
}

std::optional<std::string> decode(std::string_view text, std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    if (!hex_decode(text, bytes)) {
        return std::nullopt;
    }
    return std::string(bytes.begin(), bytes.end());
}

// RFC 4648, section 10 (which writes them in upper case).
TEST(Hex, GivesThePublishedVectors) {
    EXPECT_EQ(encode(bytes_of("")), "");
    EXPECT_EQ(encode(bytes_of("f")), "66");
    EXPECT_EQ(encode(bytes_of("foobar")), "666f6f626172");
    EXPECT_EQ(decode("", 0), "");
    EXPECT_EQ(decode("66", 1), "f");
    EXPECT_EQ(decode("666F6F626172", 6), "foobar");
    EXPECT_EQ(decode("666f6F626172", 6), "foobar");
}

TEST(Hex, ReadsBackEveryByte) {
    for (int value = 0; value < 256; ++value) {
        const std::array<std::uint8_t, 1> byte{static_cast<std::uint8_t>(value)};
        EXPECT_EQ(decode(encode(byte), 1), std::string(1, static_cast<char>(value))) << value;
    }
}

TEST(Hex, RefusesEveryOtherCharacter) {
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    for (int value = 0; value < 256; ++value) {
        const char character = static_cast<char>(value);
        const bool known = digits.find(character) != std::string_view::npos;
        EXPECT_EQ(decode(std::string{character, '0'}, 1).has_value(), known) << value;
        EXPECT_EQ(decode(std::string{'0', character}, 1).has_value(), known) << value;
    }
}

TEST(Hex, RefusesWhatDoesNotFillTheRoomExactly) {
    EXPECT_EQ(decode("6666", 1), std::nullopt);
    EXPECT_EQ(decode("6666", 3), std::nullopt);
    EXPECT_EQ(decode("666", 1), std::nullopt);
    EXPECT_EQ(decode("666", 2), std::nullopt);
    EXPECT_EQ(decode("", 1), std::nullopt);
}

} // namespace
} // namespace session_service::core
