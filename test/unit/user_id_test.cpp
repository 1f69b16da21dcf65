#include "core/user_id.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

namespace session_service::core {
namespace {

using test::uuid;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

bool has_version(const Uuid& id, int version) {
    return (id[6] >> 4) == version && (id[8] >> 6) == 0b10;
}

// Frozen: applications store these.
TEST(UserIdOfNumber, IsFrozen) {
    EXPECT_EQ(user_id_of_number(0), uuid("73657373-6964-8000-8000-000000000000"));
    EXPECT_EQ(user_id_of_number(1), uuid("73657373-6964-8000-8000-000000000001"));
    EXPECT_EQ(user_id_of_number(42), uuid("73657373-6964-8000-8000-00000000002a"));
    EXPECT_EQ(user_id_of_number(0x0123456789abcdef), uuid("73657373-6964-8000-8123-456789abcdef"));
    EXPECT_EQ(user_id_of_number(std::int64_t{1} << 62),
              uuid("73657373-6964-8001-8000-000000000000"));
    EXPECT_EQ(user_id_of_number(-1), uuid("73657373-6964-8003-bfff-ffffffffffff"));
    EXPECT_EQ(user_id_of_number(highest), uuid("73657373-6964-8001-bfff-ffffffffffff"));
    EXPECT_EQ(user_id_of_number(lowest), uuid("73657373-6964-8002-8000-000000000000"));
}

TEST(UserIdOfNumber, EachNumberHasItsOwnAndComesBack) {
    std::mt19937_64 random(1); // NOLINT(cert-msc*): the same numbers at every run
    std::vector<std::int64_t> numbers{0, -1, lowest, highest};
    for (unsigned bit = 0; bit < 64; ++bit) {
        numbers.push_back(static_cast<std::int64_t>(std::uint64_t{1} << bit));
        numbers.push_back(static_cast<std::int64_t>(random()));
    }
    std::set<Uuid> ids;
    for (const std::int64_t number : numbers) {
        const Uuid id = user_id_of_number(number);
        EXPECT_TRUE(has_version(id, 8));
        EXPECT_EQ(number_of_user_id(id), number);
        ids.insert(id);
    }
    EXPECT_EQ(ids.size(), std::set<std::int64_t>(numbers.begin(), numbers.end()).size());
}

// Of the 128 bits, 64 are the number's own: to change one gives another number. Any other bit
// changed gives a UUID that holds none.
TEST(NumberOfUserId, IsNothingWhereAnyFixedBitDiffers) {
    for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{42}}) {
        int numbers = 0;
        for (std::size_t bit = 0; bit < 128; ++bit) {
            Uuid id = user_id_of_number(number);
            id.at(bit / 8) ^= static_cast<std::uint8_t>(0x80U >> (bit % 8));
            if (const auto other = number_of_user_id(id)) {
                EXPECT_NE(*other, number);
                EXPECT_EQ(user_id_of_number(*other), id);
                ++numbers;
            }
        }
        EXPECT_EQ(numbers, 64);
    }
    EXPECT_EQ(number_of_user_id(uuid("00000000-0000-0000-0000-000000000000")), std::nullopt);
    EXPECT_EQ(number_of_user_id(uuid("ffffffff-ffff-ffff-ffff-ffffffffffff")), std::nullopt);
}

// Frozen as well. Computed with another implementation of UUIDv5.
TEST(UserIdOfText, IsFrozen) {
    EXPECT_EQ(user_id_of_text(""), uuid("6af6e5c5-13b2-5afa-bb6a-a061c9506260"));
    EXPECT_EQ(user_id_of_text("alice"), uuid("4e8dfb08-ebcd-552e-a76f-5b75ae8947c0"));
    EXPECT_EQ(user_id_of_text("alice@example.com"), uuid("ddcef1d4-5313-53fa-96d8-3354505c93e2"));
    EXPECT_EQ(user_id_of_text("42"), uuid("f8929864-f4b9-555f-bd1e-dd0300ae18d4"));
    EXPECT_EQ(user_id_of_text("Zo\xc3\xab"), uuid("d874acbc-2b15-5dc7-8253-829e6865d39f"));
    EXPECT_EQ(user_id_of_text(std::string(1000, 'a')),
              uuid("5a365ff4-b01f-59df-acb5-201d38c360da"));
}

TEST(UserIdOfText, HoldsNoNumber) {
    for (const std::string_view text : {"", "42", "sessid", "alice"}) {
        const Uuid id = user_id_of_text(text);
        EXPECT_TRUE(has_version(id, 5));
        EXPECT_EQ(number_of_user_id(id), std::nullopt);
    }
}

} // namespace
} // namespace session_service::core
