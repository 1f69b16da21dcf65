#include "core/http_uri.hpp"

#include <gtest/gtest.h>

namespace session_service::core {
namespace {

using namespace std::string_view_literals;

TEST(NormalizeHttpUri, GivesTheOneFormOfEachUri) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 62> pairs{{
        // As it is.
        {"https://server.example.com/token", "https://server.example.com/token"},
        {"http://h/a/b;c=1/d,e/f:g@h/~i-j_k.l!$&'()*+,=",
         "http://h/a/b;c=1/d,e/f:g@h/~i-j_k.l!$&'()*+,="},
        // Case of scheme and host, and of nothing else.
        {"HTTPS://Server.EXAMPLE.com/Token", "https://server.example.com/Token"},
        {"hTTp://H/", "http://h/"},
        // An empty path.
        {"https://h", "https://h/"},
        {"https://h/", "https://h/"},
        {"https://h?a", "https://h/"},
        {"https://h:8443", "https://h:8443/"},
        // A slash at the end tells two paths apart.
        {"https://h/a/", "https://h/a/"},
        {"https://h//", "https://h//"},
        {"https://h/a//b", "https://h/a//b"},
        // The port that goes without saying.
        {"https://h:443/a", "https://h/a"},
        {"http://h:80/a", "http://h/a"},
        {"https://h:80/a", "https://h:80/a"},
        {"http://h:443/a", "http://h:443/a"},
        {"https://h:/a", "https://h/a"},
        {"https://h:", "https://h/"},
        {"https://h:1/", "https://h:1/"},
        {"https://h:65535/", "https://h:65535/"},
        // Query and fragment, whatever they hold.
        {"https://h/a?b=c", "https://h/a"},
        {"https://h/a#b", "https://h/a"},
        {"https://h/a?", "https://h/a"},
        {"https://h/a#?b", "https://h/a"},
        {"https://h/a?b[]=c d\\|^`{}\"<>\xc3\xa9%zz", "https://h/a"},
        {"https://h/a?b@c:99999/../..", "https://h/a"},
        // Percent-encoding: unreserved characters, and case.
        {"https://h/%41%5a%61%7A%30%39%2d%2E%5f%7e", "https://h/AZaz09-._~"},
        {"https://h/%2f%3a%c3%a9", "https://h/%2F%3A%C3%A9"},
        {"https://h/a%2fb", "https://h/a%2Fb"},
        {"https://h/%2541", "https://h/%2541"},
        {"https://h/%20", "https://h/%20"},
        {"https://h/%00", "https://h/%00"},
        {"https://%48.example/", "https://h.example/"},
        {"https://h%c3%a9/", "https://h%C3%A9/"},
        {"https://h%2f%3A/", "https://h%2F%3A/"},
        // Dot segments.
        {"https://h/.", "https://h/"},
        {"https://h/..", "https://h/"},
        {"https://h/./", "https://h/"},
        {"https://h/../", "https://h/"},
        {"https://h/a/.", "https://h/a/"},
        {"https://h/a/..", "https://h/"},
        {"https://h/a/./b", "https://h/a/b"},
        {"https://h/a/../b", "https://h/b"},
        {"https://h/a/b/..", "https://h/a/"},
        {"https://h/a/b/../..", "https://h/"},
        {"https://h/a/b/../../../c", "https://h/c"},
        {"https://h/../../c", "https://h/c"},
        {"https://h/a/...", "https://h/a/..."},
        {"https://h/.a/..b/c.", "https://h/.a/..b/c."},
        // RFC 3986, section 5.2.4.
        {"https://h/a/b/c/./../../g", "https://h/a/g"},
        // Dot segments that are encoded are some.
        {"https://h/a/%2e%2E/b", "https://h/b"},
        {"https://h/a/.%2e/b/%2E", "https://h/b/"},
        // Addresses.
        {"https://127.0.0.1:443/a", "https://127.0.0.1/a"},
        {"https://127.1/a", "https://127.1/a"},
        {"https://[::1]/", "https://[0000:0000:0000:0000:0000:0000:0000:0001]/"},
        {"https://[0:0:0:0:0:0:0:1]:443", "https://[0000:0000:0000:0000:0000:0000:0000:0001]/"},
        {"https://[2001:DB8::A]:8443/", "https://[2001:0db8:0000:0000:0000:0000:0000:000a]:8443/"},
        {"https://[2001:db8:0:0:0:0:0:a]:8443/",
         "https://[2001:0db8:0000:0000:0000:0000:0000:000a]:8443/"},
        {"https://[::ffff:192.0.2.1]/", "https://[0000:0000:0000:0000:0000:ffff:c000:0201]/"},
        {"https://[v1.A:b]/", "https://[v1.a:b]/"},
        // Other hosts.
        {"https://example.com./", "https://example.com./"},
        {"https://a_b/", "https://a_b/"},
        {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
    }};
    for (const auto& [text, normalized] : pairs) {
        EXPECT_EQ(normalize_http_uri(text), normalized) << text;
        EXPECT_EQ(normalize_http_uri(normalized), normalized) << text;
    }
}

TEST(NormalizeHttpUri, RefusesEveryOtherText) {
    for (const std::string_view text : {
             // No URI at all, or a relative one.
             ""sv,
             " "sv,
             "h"sv,
             "/a"sv,
             "//h/a"sv,
             "?"sv,
             "#"sv,
             "https"sv,
             "https:"sv,
             "https:/"sv,
             ":"sv,
             "://h/"sv,
             // No host.
             "https://"sv,
             "https:///a"sv,
             "https://:443/"sv,
             "https://?a"sv,
             "https:a"sv,
             "https:/a"sv,
             // Another scheme.
             "ftp://h/"sv,
             "ws://h/"sv,
             "wss://h/"sv,
             "httpss://h/"sv,
             "http s://h/"sv,
             "xhttps://h/"sv,
             "htt://h/"sv,
             "file:///a"sv,
             "urn:a:b"sv,
             "javascript:alert(1)"sv,
             "data:,a"sv,
             "unix:/a"sv,
             "https+unix://h/"sv,
             // User information, empty or not.
             "https://u@h/"sv,
             "https://u:p@h/"sv,
             "https://@h/"sv,
             "https://:@h/"sv,
             "https://a:443@h/"sv,
             "https://h@"sv,
             "https://@"sv,
             // A port that is none, or not in its shortest form.
             "https://h:0/"sv,
             "https://h:00/"sv,
             "https://h:0443/"sv,
             "https://h:080/"sv,
             "https://h:65536/"sv,
             "https://h:99999999999999999999/"sv,
             "https://h:-1/"sv,
             "https://h:+443/"sv,
             "https://h:4 43/"sv,
             "https://h:a/"sv,
             "https://h:443a/"sv,
             "https://h:443:443/"sv,
             "https://h::/"sv,
             "https://h:%34/"sv,
             // Percent-encoding that is none.
             "https://h/%"sv,
             "https://h/%4"sv,
             "https://h/%zz"sv,
             "https://h/%4g"sv,
             "https://h/a%"sv,
             "https://h/%%41"sv,
             "https://h%/"sv,
             "https://h%4/"sv,
             "https://h%zz/"sv,
             "https://h/% 41"sv,
             // What no URI holds.
             "https://h/a b"sv,
             " https://h/"sv,
             "https://h/ "sv,
             "https://h /"sv,
             "https ://h/"sv,
             "https://h\\a"sv,
             "https:\\\\h\\a"sv,
             "https:/\\h/"sv,
             "https://h/a\\b"sv,
             "https://h/a|b"sv,
             "https://h/a^b"sv,
             "https://h/`"sv,
             "https://h/{a}"sv,
             "https://h/<a>"sv,
             "https://h/\"a\""sv,
             "https://h/[a]"sv,
             "https://h/a\tb"sv,
             "https://h/a\nb"sv,
             "https://h/\r\n"sv,
             "https://h/\x7f"sv,
             "https://h/a\x01"sv,
             "https://b\xc3\xbc"
             "cher.example/"sv,
             "https://h/\xc3\xa9"sv,
             "https://h/\xff"sv,
             "https://h/\x80"sv,
             "https://h/\0"sv,
             "https://h\0/"sv,
             "https://h/a\0?b"sv,
             "\0https://h/"sv,
             "https://h:4\0/"sv,
             // Brackets around anything but an address.
             "https://[h]/"sv,
             "https://[::1/"sv,
             "https://::1/"sv,
             "https://[::1]a/"sv,
             "https://[]/"sv,
             "https://[1:2:3:4:5:6:7]/"sv,
             "https://[1:2:3:4:5:6:7:8:9]/"sv,
             "https://[::1::]/"sv,
             "https://[12345::]/"sv,
             "https://[::g]/"sv,
             "https://[fe80::1%25eth0]/"sv,
             "https://[fe80::1%eth0]/"sv,
             "https://[::256.0.0.1]/"sv,
             "https://[v1]/"sv,
             "https://[v.a]/"sv,
             "https://[127.0.0.1]/"sv,
         }) {
        EXPECT_EQ(normalize_http_uri(text), std::nullopt) << text;
    }
}

TEST(NormalizeHttpUri, RefusesAnyCharacterThatNoUriHolds) {
    constexpr std::string_view good =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=";
    for (int value = 0; value < 256; ++value) {
        const char character = static_cast<char>(value);
        const bool is_good = good.find(character) != std::string_view::npos;
        const bool ends_it = character == '?' || character == '#';
        const bool is_good_in_path =
            is_good || std::string_view("/:@").find(character) != std::string_view::npos;
        EXPECT_EQ(normalize_http_uri(std::string("https://h/a") + character + "b").has_value(),
                  is_good_in_path || ends_it)
            << value;
        EXPECT_EQ(normalize_http_uri(std::string("https://h") + character + "b/").has_value(),
                  is_good || character == '/' || ends_it)
            << value;
    }
}

TEST(NormalizeHttpUri, TellsOthersApart) {
    const std::string_view uri = "https://server.example.com/token";
    for (const char* other :
         {"http://server.example.com/token", "https://server.example.com/token/",
          "https://server.example.com/Token", "https://server.example.com:8443/token",
          "https://server.example.com./token", "https://example.com/token",
          "https://server.example.com//token", "https://server.example.com/token%2F",
          "https://server.example.com/", "https://server.example.com/token;a",
          "https://server.example.com/%74oken%20"}) {
        EXPECT_TRUE(normalize_http_uri(other)) << other;
        EXPECT_NE(normalize_http_uri(other), normalize_http_uri(uri)) << other;
    }
}

TEST(NormalizeHttpUri, LooksAtNoLongerText) {
    const std::string start = "https://h/";
    const std::string longest = start + std::string(max_http_uri_length - start.size(), 'a');
    EXPECT_EQ(normalize_http_uri(longest), longest);
    EXPECT_EQ(normalize_http_uri(longest + "a"), std::nullopt);
    EXPECT_EQ(normalize_http_uri(longest + "?a"), longest);
    EXPECT_EQ(normalize_http_uri("https://h/?" + std::string(5'000'000, 'a')), "https://h/");
    EXPECT_EQ(normalize_http_uri(std::string(5'000'000, 'a')), std::nullopt);
    // What is read by steps that call each other.
    for (const char* part : {"/", "a", "%41", "/..", "/.", "1.", "a:", "@", ":"}) {
        std::string text = start;
        while (text.size() + std::string_view(part).size() <= max_http_uri_length) {
            text += part;
        }
        EXPECT_TRUE(normalize_http_uri(text)) << part;
    }
}

} // namespace
} // namespace session_service::core
