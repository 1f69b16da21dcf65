#include "core/display_name.hpp"

#include <gtest/gtest.h>

#include <string>

namespace session_service::core {
namespace {

using namespace std::literals;

TEST(DisplayName, LosesTheWhiteSpaceAroundIt) {
    EXPECT_EQ(trimmed("  My phone\t\r\n", true), "My phone");
    EXPECT_EQ(trimmed("My phone", true), "My phone");
    EXPECT_EQ(trimmed("a", false), "a");
    EXPECT_EQ(trimmed(" \xc3\xa9 ", true), "\xc3\xa9");
}

TEST(DisplayName, IsEmptyWhereItIsBlank) {
    for (const bool is_utf8 : {false, true}) {
        EXPECT_EQ(trimmed("", is_utf8), "");
        EXPECT_EQ(trimmed(" \t\n\v\f\r", is_utf8), "");
    }
}

// The code points of White_Space beyond ASCII: each by itself, and around a name.
TEST(DisplayName, KnowsTheWhiteSpaceOfUnicode) {
    for (const std::string_view space :
         {"\u0085"sv, "\u00a0"sv, "\u1680"sv, "\u2000"sv, "\u2001"sv, "\u2002"sv, "\u2003"sv,
          "\u2004"sv, "\u2005"sv, "\u2006"sv, "\u2007"sv, "\u2008"sv, "\u2009"sv, "\u200a"sv,
          "\u2028"sv, "\u2029"sv, "\u202f"sv, "\u205f"sv, "\u3000"sv}) {
        const std::string both = std::string{space} + "a b" + std::string{space};
        EXPECT_EQ(trimmed(space, true), "");
        EXPECT_EQ(trimmed(both, true), "a b");
        // In another encoding these bytes are other characters.
        EXPECT_EQ(trimmed(both, false), both);
    }
    for (const std::string_view other : {"\u200b"sv, "\u2060"sv, "\ufeff"sv, "\u180e"sv}) {
        EXPECT_EQ(trimmed(other, true), other);
    }
}

} // namespace
} // namespace session_service::core
