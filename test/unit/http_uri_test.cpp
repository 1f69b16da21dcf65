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

} // namespace
} // namespace session_service::core
