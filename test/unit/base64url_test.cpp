#include "core/base64url.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace session_service::core {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(Bytes data) {
    std::string text(base64url_length(data.size()), '\0');
    EXPECT_EQ(base64url_encode(data, text.data()), text.size());
    return text;
}

std::optional<std::string> decode(std::string_view text, std::size_t room = 1024) {
    std::vector<std::uint8_t> bytes(room);
    const std::optional<std::size_t> size = base64url_decode(text, bytes);
    if (!size) {
        return std::nullopt;
    }
    return std::string(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*size));
}

std::string_view text_of(const std::vector<std::uint8_t>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 4648, section 10, without the padding that section 3.2 lets a format leave out.
TEST(Base64Url, GivesThePublishedVectors) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> vectors{{
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
    }};
    for (const auto& [plain, encoded] : vectors) {
        EXPECT_EQ(encode(bytes_of(plain)), encoded);
        EXPECT_EQ(decode(encoded), plain);
    }
}

// RFC 4648, section 5, table 2: 62 is '-' and 63 is '_'.
TEST(Base64Url, UsesTheUrlSafeAlphabet) {
    const std::vector<std::uint8_t> all_values = test::from_hex(
        "00108310518720928b30d38f41149351559761969b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebb"
        "f3dfbf");
    EXPECT_EQ(encode(all_values), alphabet);
    EXPECT_EQ(decode(alphabet), text_of(all_values));
}

TEST(Base64Url, ReadsBackWhatItWrote) {
    std::mt19937 random(1); // NOLINT(cert-msc*): the same bytes at every run
    for (std::size_t size = 0; size < 200; ++size) {
        std::vector<std::uint8_t> bytes(size);
        for (std::uint8_t& byte : bytes) {
            byte = static_cast<std::uint8_t>(random());
        }
        EXPECT_EQ(decode(encode(bytes), size), text_of(bytes)) << "size " << size;
    }
}

// The bits of the last character that belong to no byte, which have to be zero.
std::size_t spare_bits_of(std::size_t length) {
    return std::array<std::size_t, 4>{0, 0, 4, 2}.at(length % 4);
}

TEST(Base64Url, RefusesEveryCharacterOutsideTheAlphabet) {
    for (int value = 0; value < 256; ++value) {
        const char character = static_cast<char>(value);
        const std::size_t meaning = alphabet.find(character);
        for (const std::size_t length : {2, 3, 4, 6, 7, 8}) {
            for (std::size_t place = 0; place < length; ++place) {
                std::string text(length, 'A');
                text[place] = character;
                const bool has_spare_bits =
                    place == length - 1 && meaning % (std::size_t{1} << spare_bits_of(length)) != 0;
                const bool good = meaning != std::string_view::npos && !has_spare_bits;
                EXPECT_EQ(decode(text).has_value(), good)
                    << "value " << value << " place " << place << " of " << length;
            }
        }
    }
    EXPECT_EQ(decode("Zg=="), std::nullopt);
    EXPECT_EQ(decode("Zm9v "), std::nullopt);
    EXPECT_EQ(decode("Zm9v\n"), std::nullopt);
}

TEST(Base64Url, RefusesLengthsThatNoBytesHave) {
    for (std::size_t length = 0; length < 64; ++length) {
        EXPECT_EQ(decode(std::string(length, 'A')).has_value(), length % 4 != 1)
            << "length " << length;
    }
}

// One byte leaves 4 spare bits in two characters, two bytes leave 2 in three: of the 64 possible
// last characters, only those whose spare bits are zero are a text of ours.
TEST(Base64Url, RefusesSpareBits) {
    for (std::size_t value = 0; value < alphabet.size(); ++value) {
        const std::string one_byte{'A', alphabet[value]};
        const std::string two_bytes{'A', 'A', alphabet[value]};
        EXPECT_EQ(decode(one_byte).has_value(), value % 16 == 0) << one_byte;
        EXPECT_EQ(decode(two_bytes).has_value(), value % 4 == 0) << two_bytes;
    }
}

TEST(Base64Url, RefusesWhatDoesNotFit) {
    EXPECT_EQ(decode("Zm9vYg", 3), std::nullopt);
    EXPECT_EQ(decode("Zm9vYg", 4), "foob");
    EXPECT_EQ(decode("Zg", 0), std::nullopt);
    EXPECT_EQ(decode("", 0), "");
    EXPECT_EQ(base64url_decode({}, {}), 0U);
}

} // namespace
} // namespace session_service::core
