#include "core/bucket_set.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace session_service::core {
namespace {

std::vector<int> buckets_of(std::string_view text) {
    const auto set = BucketSet::parse(text);
    std::vector<int> buckets;
    for (std::uint16_t bucket = 0; set && bucket < bucket_count; ++bucket) {
        if (set->contains(bucket)) {
            buckets.push_back(bucket);
        }
    }
    return buckets;
}

TEST(BucketSet, HasWhatTheListNames) {
    EXPECT_EQ(buckets_of("7"), (std::vector{7}));
    EXPECT_EQ(buckets_of("0,4095"), (std::vector{0, 4095}));
    EXPECT_EQ(buckets_of("6-9"), (std::vector{6, 7, 8, 9}));
    EXPECT_EQ(buckets_of("14-17,3,15-18"), (std::vector{3, 14, 15, 16, 17, 18}));
    EXPECT_EQ(buckets_of(" 1 - 3 ,\t5\n"), (std::vector{1, 2, 3, 5}));
}

TEST(BucketSet, HasAllForAnEmptyList) {
    for (const char* text : {"", "  ", "0-4095", "2048-4095,0-2047"}) {
        const auto set = BucketSet::parse(text);
        ASSERT_TRUE(set) << text;
        EXPECT_TRUE(set->has_all()) << text;
        EXPECT_EQ(buckets_of(text).size(), bucket_count) << text;
    }
}

TEST(BucketSet, HasNoneWhereThatIsSaid) {
    const auto set = BucketSet::parse(" none ");
    ASSERT_TRUE(set);
    EXPECT_FALSE(set->has_all());
    EXPECT_TRUE(buckets_of("none").empty());
}

TEST(BucketSet, OneShortOfAllIsNotAll) {
    for (const char* text : {"1-4095", "0-4094", "0-99,101-4095"}) {
        const auto set = BucketSet::parse(text);
        ASSERT_TRUE(set) << text;
        EXPECT_FALSE(set->has_all()) << text;
        EXPECT_EQ(buckets_of(text).size(), bucket_count - 1) << text;
    }
}

TEST(BucketSet, RefusesAnythingElse) {
    for (const char* text :
         {",",    "1,",    ",1",   "1,,2", "-",      "1-",     "-1",
          "1--2", "1-2-3", "3-2",  "4096", "0-4096", "65536",  "99999999999999999999",
          "+1",   "1 2",   "0x10", "all",  "none,1", "1,none", "NONE",
          "1;2",  "1.5"}) {
        EXPECT_FALSE(BucketSet::parse(text)) << text;
    }
    EXPECT_FALSE(BucketSet::parse(std::string_view{"1\0", 2}));
}

TEST(BucketSet, AnyNumberIsLookedUpWithinBounds) {
    const auto set = BucketSet::parse("none");
    ASSERT_TRUE(set);
    EXPECT_FALSE(set->contains(65535));
}

} // namespace
} // namespace session_service::core
