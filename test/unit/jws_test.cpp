#include "core/jws.hpp"

#include "core/base64url.hpp"
#include "signing.hpp"

#include <gtest/gtest.h>

namespace session_service::core {
namespace {

using test::base64url;

/// Parts that are no more than well-formed.
std::string text_of(std::string_view header, std::string_view payload, std::string_view signature) {
    return base64url(header) + "." + base64url(payload) + "." + base64url(signature);
}

bool is_jws(std::string_view text) {
    return parse_jws(text).has_value();
}

TEST(ParseJws, TakesApart) {
    const std::string text = text_of(R"({"alg":"none"})", R"({"jti":"a"})", "sig");
    const auto jws = parse_jws(text);
    ASSERT_TRUE(jws);
    EXPECT_EQ(jws->header.string("alg"), "none");
    EXPECT_EQ(jws->payload.string("jti"), "a");
    EXPECT_EQ(jws->signing_input, text.substr(0, text.rfind('.')));
    EXPECT_EQ(jws->signature, (std::vector<std::uint8_t>{'s', 'i', 'g'}));
}

TEST(ParseJws, TakesThreePartsAndNoneIsEmpty) {
    // e30 is {}.
    EXPECT_TRUE(is_jws("e30.e30.AAAA"));
    for (const std::string_view text :
         {"", ".", "..", "...", "e30", "e30.", "e30.e30", "e30.e30.", "e30..AAAA", ".e30.AAAA",
          "e30.AAAA", "e30.e30.AAAA.", ".e30.e30.AAAA", "e30.e30.AAAA.AAAA",
          "e30.e30.AAAA.AAAA.AAAA"}) {
        EXPECT_FALSE(is_jws(text)) << text;
    }
}

// Each byte string has one text: what was signed is what is read.
TEST(ParseJws, IsStrictAboutEachCharacter) {
    const std::string good = text_of(R"({"a":1})", R"({"b":22})", "signature");
    ASSERT_TRUE(is_jws(good));
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (std::size_t place = 0; place <= good.size(); ++place) {
        for (int value = 0; value < 256; ++value) {
            const char character = static_cast<char>(value);
            if (alphabet.find(character) != std::string_view::npos) {
                continue;
            }
            std::string more = good;
            more.insert(place, 1, character);
            EXPECT_FALSE(is_jws(more)) << "value " << value << " at " << place;
            if (place < good.size() && good[place] != '.') {
                std::string other = good;
                other[place] = character;
                EXPECT_FALSE(is_jws(other)) << "value " << value << " for " << place;
            }
        }
    }
    EXPECT_FALSE(is_jws(good + "=")) << "padding";
    EXPECT_FALSE(is_jws(good + "," + good)) << "two";
    EXPECT_FALSE(is_jws(good + " " + good)) << "two";
    EXPECT_FALSE(is_jws(good + good)) << "two";
    EXPECT_FALSE(is_jws(" " + good));
    EXPECT_FALSE(is_jws(good + "\n"));
}

TEST(ParseJws, RefusesSpareBitsInEachPart) {
    // "{}" leaves two, and a signature of one byte four.
    ASSERT_EQ(text_of("{}", "{}", "x"), "e30.e30.eA");
    EXPECT_TRUE(is_jws("e30.e30.eA"));
    EXPECT_FALSE(is_jws("e31.e30.eA"));
    EXPECT_FALSE(is_jws("e30.e31.eA"));
    EXPECT_FALSE(is_jws("e30.e30.eB"));
    EXPECT_FALSE(is_jws("e30.e30.e")) << "a length that no bytes have";
}

TEST(ParseJws, TakesObjectsAlone) {
    for (const char* text :
         {"[]", "\"a\"", "1", "null", "{", "{}{}", "", R"({"a":1,"a":2})", R"({"a":{"b":1,"b":1}})",
          "{a:1}", "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}", R"({"a":"\u0000"})"}) {
        EXPECT_FALSE(is_jws(text_of(text, "{}", "x"))) << text;
        EXPECT_FALSE(is_jws(text_of("{}", text, "x"))) << text;
    }
    using namespace std::string_view_literals;
    EXPECT_FALSE(is_jws(text_of("{}\0"sv, "{}", "x")));
    EXPECT_FALSE(is_jws(text_of("{}", "{}\0"sv, "x")));
    // White space within is as good as none.
    EXPECT_TRUE(is_jws(text_of(" {\r\n\t} ", " { } ", "x")));
}

TEST(ParseJws, RefusesExtensionsThatHaveToBeUnderstood) {
    for (const char* value : {R"(["exp"])", R"(["b64"])", "[]", "null", "\"exp\"", "{}", "false"}) {
        const std::string header = std::string(R"({"alg":"ES256","crit":)") + value + "}";
        EXPECT_FALSE(is_jws(text_of(header, "{}", "x"))) << header;
        EXPECT_TRUE(is_jws(text_of("{}", header, "x")))
            << "in the payload it is a name as any other";
    }
}

TEST(ParseJws, LooksAtNoLongerText) {
    const std::string start = base64url("{}") + "." + base64url("{}") + ".";
    EXPECT_TRUE(is_jws(start + std::string(max_jws_length - start.size(), 'A')));
    // Lengths that would be good base64url.
    for (std::size_t more = 1; more <= 4; ++more) {
        EXPECT_FALSE(is_jws(start + std::string(max_jws_length - start.size() + more, 'A')));
    }
    EXPECT_FALSE(is_jws(start + std::string(5'000'000, 'A')));
    EXPECT_FALSE(is_jws(std::string(5'000'000, '.')));
}

TEST(ParseJws, DepthDoesNotRunAway) {
    const std::string deep = R"({"a":)" + std::string(4'000, '[');
    EXPECT_FALSE(is_jws(text_of(deep, "{}", "x")));
    EXPECT_FALSE(is_jws(text_of("{}", deep, "x")));
    EXPECT_FALSE(is_jws(text_of(deep + "1" + std::string(4'000, ']') + "}", "{}", "x")));
}

} // namespace
} // namespace session_service::core
