#include "core/crc32c.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace session_service::core {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesThePublishedVectors) {
    std::vector<std::uint8_t> bytes(32, 0x00);
    EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);

    bytes.assign(32, 0xff);
    EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);

    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    EXPECT_EQ(crc32c(bytes), 0x46dd794eU);

    std::iota(bytes.rbegin(), bytes.rend(), std::uint8_t{0});
    EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);

    const std::vector<std::uint8_t> scsi_read =
        test::from_hex("01c00000 00000000 00000000 00000000 14000000 00000400"
                       "00000014 00000018 28000000 00000000 02000000 00000000");
    EXPECT_EQ(crc32c(scsi_read), 0xd9963a56U);
}

// The check value by which catalogues of checksums name this one.
TEST(Crc32c, GivesTheCheckValue) {
    EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283U);
    EXPECT_EQ(crc32c({}), 0U);
}

/// Bit by bit, as the definition reads.
std::uint32_t by_definition(Bytes data) {
    std::uint32_t remainder = 0xffffffff;
    for (const std::uint8_t byte : data) {
        remainder ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82f63b78 : 0);
        }
    }
    return ~remainder;
}

TEST(Crc32c, AgreesWithTheDefinitionAtEveryLengthAndSplit) {
    std::vector<std::uint8_t> bytes(128);
    std::uint32_t state = 1;
    for (std::uint8_t& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::uint8_t>(state >> 24);
    }
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
        const Bytes data = Bytes(bytes).first(length);
        const std::uint32_t whole = crc32c(data);
        ASSERT_EQ(whole, by_definition(data)) << "length " << length;
        for (std::size_t split = 0; split <= length; ++split) {
            ASSERT_EQ(crc32c(data.subspan(split), crc32c(data.first(split))), whole)
                << "length " << length << " split " << split;
        }
    }
}

} // namespace
} // namespace session_service::core
