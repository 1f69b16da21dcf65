#include "core/uuid.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace session_service::core {
namespace {

using test::array_from_hex;
using test::to_hex;
using test::uuid;

constexpr std::array<std::uint8_t, 8> all_zero{};
constexpr std::array<std::uint8_t, 8> all_one{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

bool is_uuid7(const Uuid& id) {
    return (id[6] >> 4) == 7 && (id[8] >> 6) == 0b10;
}

// RFC 9562, appendix A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
TEST(Uuid, GivesThePublishedVector) {
    EXPECT_EQ(make_uuid7(0x017f22e279b0, 0xcc3, array_from_hex<8>("18c4dc0c0c07398f")),
              uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
}

// Frozen: routing, and every id that was ever issued, depend on these.
TEST(Uuid, BucketsOfUsersAreFrozen) {
    EXPECT_EQ(user_bucket(uuid("00000000-0000-0000-0000-000000000000")), 884);
    EXPECT_EQ(user_bucket(uuid("ffffffff-ffff-ffff-ffff-ffffffffffff")), 1452);
    EXPECT_EQ(user_bucket(uuid("00000000-0000-0000-0000-000000000001")), 1987);
    EXPECT_EQ(user_bucket(uuid("11111111-2222-3333-4444-555555555555")), 388);
    EXPECT_EQ(user_bucket(uuid("550e8400-e29b-41d4-a716-446655440000")), 3310);
    EXPECT_EQ(user_bucket(uuid("0192f7a5-c340-7abc-8def-0123456789ab")), 698);
}

TEST(Uuid, BucketOfAnyIdIsTheTwelveBitsAfterTheVersion) {
    EXPECT_EQ(bucket_of(uuid("00000000-0000-0000-0000-000000000000")), 0);
    EXPECT_EQ(bucket_of(uuid("ffffffff-ffff-ffff-ffff-ffffffffffff")), 4095);
    EXPECT_EQ(bucket_of(uuid("550e8400-e29b-41d4-a716-446655440000")), 0x1d4);
    EXPECT_EQ(bucket_of(uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")), 0xcc3);
}

TEST(Uuid, EveryBucketIsReadBackAndFillsNothingElse) {
    for (std::uint16_t bucket = 0; bucket < bucket_count; ++bucket) {
        for (const auto& random : {all_zero, all_one}) {
            const Uuid id = make_uuid7(0x0192f7a5c340, bucket, random);
            ASSERT_EQ(bucket_of(id), bucket);
            ASSERT_TRUE(is_uuid7(id));
        }
    }
    EXPECT_EQ(make_uuid7(0, bucket_count, all_zero), make_uuid7(0, 0, all_zero));
}

TEST(Uuid, KeepsSixtyTwoRandomBits) {
    EXPECT_EQ(to_hex(make_uuid7(0, 0, all_zero)), "00000000000070008000000000000000");
    EXPECT_EQ(to_hex(make_uuid7(0, 0, all_one)), "0000000000007000bfffffffffffffff");
    for (std::size_t bit = 0; bit < 62; ++bit) {
        std::array<std::uint8_t, 8> random{};
        random.at(7 - bit / 8) = static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_NE(make_uuid7(0, 0, random), make_uuid7(0, 0, all_zero)) << "bit " << bit;
    }
}

TEST(Uuid, CutsTimesOutsideFortyEightBits) {
    EXPECT_EQ(to_hex(make_uuid7(0xffffffffffff, 0, all_zero)), "ffffffffffff70008000000000000000");
    for (const std::int64_t late : {std::int64_t{1} << 48, highest}) {
        EXPECT_EQ(make_uuid7(late, 0, all_zero), make_uuid7(0xffffffffffff, 0, all_zero));
    }
    for (const std::int64_t early : {std::int64_t{-1}, lowest}) {
        EXPECT_EQ(make_uuid7(early, 0, all_zero), make_uuid7(0, 0, all_zero));
    }
}

TEST(Uuid, OrderedKeepsTheFractionOfTheMillisecond) {
    // 2022-02-22 19:22:22 UTC and 500 µs: half of 4096 in rand_a.
    const std::int64_t time = 0x017f22e279b0 * 1000;
    EXPECT_EQ(to_hex(make_ordered_uuid7(time + 500, 0, all_zero)),
              "017f22e279b078008000000000000000");
    EXPECT_EQ(to_hex(make_ordered_uuid7(time + 999, 0, all_zero)),
              "017f22e279b07ffb8000000000000000");
    EXPECT_EQ(to_hex(make_ordered_uuid7(time, 0xffff, all_zero)),
              "017f22e279b07000bfffc00000000000");
    EXPECT_EQ(to_hex(make_ordered_uuid7(time, 0, all_one)), "017f22e279b0700080003fffffffffff");
}

TEST(Uuid, OrderedSortsByTimeThenSequenceWhateverIsDrawn) {
    const std::int64_t time = 0x017f22e279b0 * 1000;
    for (std::int64_t micro = 0; micro < 2000; ++micro) {
        const Uuid id = make_ordered_uuid7(time + micro, 0xffff, all_one);
        ASSERT_LT(id, make_ordered_uuid7(time + micro + 1, 0, all_zero)) << micro;
        ASSERT_TRUE(is_uuid7(id));
    }
    for (std::uint16_t sequence = 0; sequence < 0xffff; ++sequence) {
        ASSERT_LT(make_ordered_uuid7(time, sequence, all_one),
                  make_ordered_uuid7(time, static_cast<std::uint16_t>(sequence + 1), all_zero))
            << sequence;
    }
}

TEST(Uuid, OrderedCutsTimesOutsideFortyEightBits) {
    EXPECT_EQ(to_hex(make_ordered_uuid7(highest, 0, all_zero)), "ffffffffffff7ffb8000000000000000");
    EXPECT_EQ(to_hex(make_ordered_uuid7((std::int64_t{1} << 48) * 1000, 0, all_zero)),
              "ffffffffffff7ffb8000000000000000");
    EXPECT_EQ(to_hex(make_ordered_uuid7(lowest, 0, all_zero)), "00000000000070008000000000000000");
    EXPECT_EQ(to_hex(make_ordered_uuid7(-1, 0, all_zero)), "00000000000070008000000000000000");
}

} // namespace
} // namespace session_service::core
