// Any text: is refused, or has one form, which has itself, and whose path is what RFC 3986 makes of
// it.
#include "core/http_uri.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using fuzz::require;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_unreserved(char c) {
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}
/// -1 for what is no hexadecimal digit.
int digit_of(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    const char lower = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// RFC 3986, sections 6.2.2.1 and 6.2.2.2.
std::string with_plain_percents(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        require(i + 2 < text.size());
        const int value = digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]);
        if (is_unreserved(static_cast<char>(value)) && value < 0x80) {
            plain += static_cast<char>(value);
        } else {
            constexpr std::string_view digits = "0123456789ABCDEF";
            plain += '%';
            plain += digits[static_cast<unsigned>(value) / 16];
            plain += digits[static_cast<unsigned>(value) % 16];
        }
        i += 2;
    }
    return plain;
}

/// RFC 3986, section 5.2.4, step by step, for a path that begins with a slash.
std::string without_dots(std::string input) {
    std::string output;
    while (!input.empty()) {
        if (input.starts_with("/./")) {
            input.erase(0, 2);
        } else if (input == "/.") {
            input = "/";
        } else if (input.starts_with("/../") || input == "/..") {
            input = input == "/.." ? "/" : input.substr(3);
            output.erase(std::min(output.rfind('/'), output.size()));
        } else {
            const std::size_t end = std::min(input.find('/', 1), input.size());
            output += input.substr(0, end);
            input.erase(0, end);
        }
    }
    return output;
}

/// What comes after the authority, before query and fragment.
std::string_view path_of(std::string_view uri) {
    const std::size_t authority = uri.find("//") + 2;
    const std::string_view rest = uri.substr(authority, uri.find_first_of("?#") - authority);
    return rest.substr(std::min(rest.find('/'), rest.size()));
}

void check(std::string_view text) {
    const auto normalized = core::normalize_http_uri(text);
    if (!normalized) {
        return;
    }
    require(core::normalize_http_uri(*normalized) == normalized);
    require(core::normalize_http_uri(*normalized + "?a=b#c") == normalized);
    require(normalized->starts_with("https://") || normalized->starts_with("http://"));
    require(std::ranges::all_of(*normalized, [](char c) {
        return is_unreserved(c) ||
               std::string_view("%:/[]@!$&'()*+,;=").find(c) != std::string_view::npos;
    }));
    const std::string_view path = path_of(*normalized);
    const std::string_view authority =
        std::string_view(*normalized).substr(0, normalized->size() - path.size());
    require(authority.find('@') == std::string_view::npos);
    require(!authority.ends_with(":") && authority.size() > std::string_view("http://").size());
    require(!(authority.starts_with("https:") && authority.ends_with(":443")) ||
            authority.ends_with("[:443"));
    require(path == without_dots(with_plain_percents(path_of(text).empty() ? "/" : path_of(text))));
    // Upper case in the host is in percent-encodings alone.
    for (std::size_t i = 0; i < authority.size(); ++i) {
        require(!is_upper(authority[i]) || authority[i - 1] == '%' || authority[i - 2] == '%');
    }
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    const std::string text(fuzz::text_of({data, size}));
    check(text);
    check("https://h" + text);
    check("http://h/" + text);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    static const std::vector<std::string> seeds{
        "HTTPS://Server.Example.com:443/a/./b/../c/%7e%2f?d#e",
        "http://[2001:db8::192.0.2.1]:8080",
        "https://127.0.0.1:/..//...//.",
        "http://[v1.a:b]:80/%2e%2E/%41%c3%a9",
        "https://user:password@h/",
        "https://h%c3%a9%41/a;b=c,d:e@f!$&'()*+",
        "/a//../b/%2e/.",
    };
    return session_service::fuzz::mutate_from(seeds, data, size, max_size, random);
}
