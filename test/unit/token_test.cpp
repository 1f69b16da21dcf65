#include "core/token.hpp"

#include "core/base64url.hpp"
#include "core/crc32c.hpp"
#include "hex.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <type_traits>

namespace session_service::core {
namespace {

using test::to_hex;
using test::uuid;

static_assert(std::is_trivially_copyable_v<ParsedToken> && std::is_trivially_copyable_v<TokenText>);

const Uuid session_id = uuid("0192f7a5-c340-7abc-8def-0123456789ab");
const FamilyKey family_key = test::array_from_hex<16>("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");

/// The secret 00 01 02 … of this length.
Secret counting_secret(std::size_t length) {
    Secret secret;
    secret.length = length;
    const MutableBytes bytes = secret.view();
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    return secret;
}

std::string session_token(std::size_t secret_length) {
    return std::string(format_session_token(session_id, counting_secret(secret_length)).view());
}

std::string refresh_token(std::size_t secret_length) {
    return std::string(
        format_refresh_token(session_id, family_key, counting_secret(secret_length)).view());
}

/// Tokens of both kinds, with the shortest, the usual and the longest secret: the lengths modulo
/// three of what base64url encodes, and so the spare bits at its end, differ between them.
std::vector<std::string> specimens() {
    return {session_token(16), session_token(32), session_token(64),
            refresh_token(16), refresh_token(32), refresh_token(64)};
}

/// A text with `payload` after `prefix`, and a checksum that is right whatever they say.
std::string with_checksum(std::string_view prefix, std::vector<std::uint8_t> payload) {
    const std::uint32_t checksum = crc32c(payload, crc32c(bytes_of(prefix)));
    for (const int shift : {24, 16, 8, 0}) {
        payload.push_back(static_cast<std::uint8_t>(checksum >> shift));
    }
    std::string text(base64url_length(payload.size()), '\0');
    base64url_encode(payload, text.data());
    return std::string(prefix) + text;
}

/// The payload of a token without its checksum: a version, an id, and so many bytes more.
std::vector<std::uint8_t> payload(std::uint8_t version, std::size_t rest) {
    std::vector<std::uint8_t> bytes{version};
    bytes.insert(bytes.end(), session_id.begin(), session_id.end());
    bytes.insert(bytes.end(), rest, 0xa5);
    return bytes;
}

// Frozen: tokens that were issued must be read for ever. Written down by another implementation.
TEST(Token, TextIsFrozen) {
    EXPECT_EQ(session_token(16), "sst_AQGS96XDQHq8je8BI0VniasAAQIDBAUGBwgJCgsMDQ4PFbikYA");
    EXPECT_EQ(session_token(32),
              "sst_AQGS96XDQHq8je8BI0VniasAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH5yL4gY");
    EXPECT_EQ(session_token(64),
              "sst_AQGS96XDQHq8je8BI0VniasAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkq"
              "KywtLi8wMTIzNDU2Nzg5Ojs8PT4_NUD69A");
    EXPECT_EQ(refresh_token(16),
              "ssr_AQGS96XDQHq8je8BI0Vniavw8fLz9PX29_j5-vv8_f7_AAECAwQFBgcICQoLDA0OD7-feqo");
    EXPECT_EQ(refresh_token(32),
              "ssr_AQGS96XDQHq8je8BI0Vniavw8fLz9PX29_j5-vv8_f7_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka"
              "GxwdHh9TLtV8");
    EXPECT_EQ(refresh_token(64),
              "ssr_AQGS96XDQHq8je8BI0Vniavw8fLz9PX29_j5-vv8_f7_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka"
              "GxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0sQLl4");

    Secret all_one;
    all_one.length = 32;
    all_one.bytes.fill(0xff);
    EXPECT_EQ(format_session_token(uuid("ffffffff-ffff-ffff-ffff-ffffffffffff"), all_one).view(),
              "sst_Af_______________________________________________________________-fk2WA");
}

TEST(Token, ReadsAFrozenSessionToken) {
    const auto token =
        parse_token("sst_AQGS96XDQHq8je8BI0VniasAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH5yL4gY");
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->kind, TokenKind::session);
    EXPECT_EQ(token->session_id, session_id);
    EXPECT_EQ(token->family_key, FamilyKey{});
    EXPECT_EQ(to_hex(token->secret.view()), to_hex(counting_secret(32).view()));
}

TEST(Token, ReadsAFrozenRefreshToken) {
    const auto token =
        parse_token("ssr_AQGS96XDQHq8je8BI0Vniavw8fLz9PX29_j5-vv8_f7_AAECAwQFBgcICQoL"
                    "DA0ODxAREhMUFRYXGBkaGxwdHh9TLtV8");
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->kind, TokenKind::refresh);
    EXPECT_EQ(token->session_id, session_id);
    EXPECT_EQ(token->family_key, family_key);
    EXPECT_EQ(to_hex(token->secret.view()), to_hex(counting_secret(32).view()));
}

TEST(Token, ReadsBackWhatItWroteAtEveryLength) {
    std::mt19937 random(1); // NOLINT(cert-msc*): the same bytes at every run
    const auto fill = [&random](MutableBytes bytes) {
        for (std::uint8_t& byte : bytes) {
            byte = static_cast<std::uint8_t>(random());
        }
    };
    for (std::size_t length = min_secret_length; length <= max_secret_length; ++length) {
        for (int round = 0; round < 20; ++round) {
            Uuid id{};
            FamilyKey key{};
            Secret secret;
            secret.length = length;
            fill(id);
            fill(key);
            fill(secret.view());
            const TokenText session = format_session_token(id, secret);
            const TokenText refresh = format_refresh_token(id, key, secret);

            const auto parsed_session = parse_token(session.view());
            ASSERT_TRUE(parsed_session.has_value()) << "length " << length;
            EXPECT_EQ(parsed_session->kind, TokenKind::session);
            EXPECT_EQ(parsed_session->session_id, id);
            EXPECT_EQ(to_hex(parsed_session->secret.view()), to_hex(secret.view()));

            const auto parsed_refresh = parse_token(refresh.view());
            ASSERT_TRUE(parsed_refresh.has_value()) << "length " << length;
            EXPECT_EQ(parsed_refresh->kind, TokenKind::refresh);
            EXPECT_EQ(parsed_refresh->session_id, id);
            EXPECT_EQ(parsed_refresh->family_key, key);
            EXPECT_EQ(to_hex(parsed_refresh->secret.view()), to_hex(secret.view()));
        }
    }
}

TEST(Token, TextIsSafeInUrlsHeadersAndCookies) {
    for (const std::string& token : specimens()) {
        EXPECT_LE(token.size(), max_token_length);
        EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789-_"),
                  std::string::npos)
            << token;
    }
}

// The checksum finds every error within 32 bits, so this holds for each token and not by luck.
TEST(Token, RefusesEveryChangeOfOneCharacter) {
    for (const std::string& token : specimens()) {
        for (std::size_t place = 0; place < token.size(); ++place) {
            std::string changed = token;
            for (int value = 0; value < 256; ++value) {
                changed[place] = static_cast<char>(value);
                ASSERT_EQ(parse_token(changed).has_value(), changed == token)
                    << token << " place " << place << " value " << value;
            }
        }
    }
}

TEST(Token, RefusesNeighboursThatWereSwapped) {
    for (const std::string& token : specimens()) {
        for (std::size_t place = 1; place < token.size(); ++place) {
            std::string changed = token;
            std::swap(changed[place - 1], changed[place]);
            ASSERT_EQ(parse_token(changed).has_value(), changed == token)
                << token << " place " << place;
        }
    }
}

TEST(Token, RefusesEveryTruncation) {
    for (const std::string& token : specimens()) {
        for (std::size_t length = 0; length < token.size(); ++length) {
            ASSERT_FALSE(parse_token(std::string_view(token).substr(0, length))) << token << length;
            ASSERT_FALSE(parse_token(std::string_view(token).substr(token.size() - length)))
                << token << length;
        }
    }
}

TEST(Token, RefusesEveryCharacterTooManyOrTooFew) {
    for (const std::string& token : specimens()) {
        for (std::size_t place = 0; place < token.size(); ++place) {
            std::string shorter = token;
            shorter.erase(place, 1);
            ASSERT_FALSE(parse_token(shorter)) << token << " place " << place;
        }
        for (std::size_t place = 0; place <= token.size(); ++place) {
            for (int value = 0; value < 256; ++value) {
                std::string longer = token;
                longer.insert(place, 1, static_cast<char>(value));
                ASSERT_FALSE(parse_token(longer)) << token << " place " << place << " " << value;
            }
        }
    }
}

TEST(Token, RefusesAKindThatIsNotItsOwn) {
    // So long that either kind could have this length: only the checksum tells.
    std::string session = session_token(48);
    std::string refresh = refresh_token(32);
    ASSERT_EQ(session.size(), refresh.size());
    session.replace(0, token_prefix_length, refresh_token_prefix);
    refresh.replace(0, token_prefix_length, session_token_prefix);
    EXPECT_FALSE(parse_token(session));
    EXPECT_FALSE(parse_token(refresh));
}

TEST(Token, RefusesEveryOtherVersion) {
    for (int version = 0; version < 256; ++version) {
        const auto byte = static_cast<std::uint8_t>(version);
        EXPECT_EQ(parse_token(with_checksum("sst_", payload(byte, 32))).has_value(), version == 1)
            << "version " << version;
        EXPECT_EQ(parse_token(with_checksum("ssr_", payload(byte, 48))).has_value(), version == 1)
            << "version " << version;
    }
}

TEST(Token, RefusesEverySecretTooShortOrTooLong) {
    for (std::size_t length = 0; length < 200; ++length) {
        const bool fits_session = length >= 16 && length <= 64;
        EXPECT_EQ(parse_token(with_checksum("sst_", payload(1, length))).has_value(), fits_session)
            << "length " << length;
        const bool fits_refresh = length >= 16 + 16 && length <= 16 + 64;
        EXPECT_EQ(parse_token(with_checksum("ssr_", payload(1, length))).has_value(), fits_refresh)
            << "length " << length;
    }
}

TEST(Token, RefusesEveryOtherPrefix) {
    for (const std::string_view prefix : {"SST_", "sst-", "ss__", "sstx", "sss_", "    "}) {
        const std::string text = with_checksum(prefix, payload(1, 32));
        EXPECT_FALSE(has_token_prefix(text)) << prefix;
        EXPECT_FALSE(parse_token(text)) << prefix;
    }
}

TEST(Token, RefusesAnyOtherBytes) {
    for (const std::string_view text :
         {std::string_view{}, std::string_view(""), std::string_view("s"), std::string_view("sst_"),
          std::string_view("ssr_"), std::string_view("\0", 1), std::string_view("\xff\xfe")}) {
        EXPECT_FALSE(parse_token(text));
    }
    for (std::size_t length = 0; length < 200; ++length) {
        for (const char character : {'A', '_', '\0', '\x80', '='}) {
            EXPECT_FALSE(parse_token(std::string(length, character)));
            EXPECT_FALSE(parse_token("sst_" + std::string(length, character)));
            EXPECT_FALSE(parse_token("ssr_" + std::string(length, character)));
        }
    }
    const std::string padded = session_token(32);
    EXPECT_FALSE(parse_token(padded + "="));
    EXPECT_FALSE(parse_token(padded + "\n"));
    EXPECT_FALSE(parse_token(" " + padded));
    EXPECT_FALSE(parse_token(padded + std::string(1 << 20, 'A')));
}

TEST(Token, KnowsItsPrefixes) {
    EXPECT_TRUE(has_token_prefix("sst_"));
    EXPECT_TRUE(has_token_prefix("ssr_anything"));
    EXPECT_FALSE(has_token_prefix("sst"));
    EXPECT_FALSE(has_token_prefix(""));
    EXPECT_FALSE(has_token_prefix(" sst_"));
    EXPECT_FALSE(has_token_prefix("ssx_"));
}

#ifndef NDEBUG
TEST(TokenDeathTest, WritesNoSecretOutOfBounds) {
    for (const std::size_t length : {min_secret_length - 1, max_secret_length + 1}) {
        Secret secret;
        secret.length = length;
        EXPECT_DEATH(format_session_token(session_id, secret), "secret.length");
        EXPECT_DEATH(format_refresh_token(session_id, family_key, secret), "secret.length");
    }
}
#endif

} // namespace
} // namespace session_service::core
