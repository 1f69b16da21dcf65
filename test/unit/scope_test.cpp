#include "core/scope.hpp"

#include <gtest/gtest.h>

#include <string>

namespace session_service::core {
namespace {

TEST(Scope, TakesWhatApplicationsUse) {
    for (const std::string_view scope : {"read", "user:email", "https://www.example.com/auth/drive",
                                         "a", "!", "~", "#", "[", "]", "orders.write", "*", "'"}) {
        EXPECT_TRUE(is_scope_token(scope)) << scope;
    }
}

// RFC 6749, section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
TEST(Scope, TakesExactlyTheCharactersOfTheGrammar) {
    for (int value = 0; value < 256; ++value) {
        const bool allowed =
            value == 0x21 || (value >= 0x23 && value <= 0x5b) || (value >= 0x5d && value <= 0x7e);
        const char character = static_cast<char>(value);
        EXPECT_EQ(is_scope_token(std::string(1, character)), allowed) << "value " << value;
        EXPECT_EQ(is_scope_token(std::string{character, 'a'}), allowed) << "value " << value;
        EXPECT_EQ(is_scope_token(std::string{'a', character}), allowed) << "value " << value;
        EXPECT_EQ(is_scope_token(std::string{'a', character, 'b'}), allowed) << "value " << value;
    }
}

TEST(Scope, IsNotEmpty) {
    EXPECT_FALSE(is_scope_token(""));
    EXPECT_FALSE(is_scope_token({}));
}

} // namespace
} // namespace session_service::core
