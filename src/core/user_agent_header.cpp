#include "core/user_agent_header.hpp"

#include "core/user_agent_names.hpp"
#include "core/user_agent_text.hpp"

#include <algorithm>

namespace session_service::core::user_agents {

Product product_of(std::string_view word) noexcept {
    std::size_t slash = word.find('/');
    if (slash != std::string_view::npos) {
        std::string_view version = leading_version(word.substr(slash + 1));
        const std::size_t next = word.find('/', slash + 1);
        if (version.empty() && next != std::string_view::npos) {
            word.remove_prefix(slash + 1);
            slash = next - slash - 1;
            version = leading_version(word.substr(slash + 1));
        }
        return {trim(word.substr(0, slash)), version};
    }
    const auto* const digit = std::find_if(word.begin(), word.end(), is_digit);
    const auto at = static_cast<std::size_t>(digit - word.begin());
    const std::string_view numbers = leading_numbers(word.substr(at));
    if (at > 0 && at + numbers.size() == word.size() &&
        numbers.find('.') != std::string_view::npos) {
        return {trim(word.substr(0, word[at - 1] == '_' ? at - 1 : at)), numbers};
    }
    return {trim(word), {}};
}

namespace {

/// Cuts at semicolons and control characters, and hands each part that is not blank to `take`.
template <typename Take>
void for_each_part(std::string_view text, Take take) noexcept {
    while (!text.empty()) {
        std::size_t end = 0;
        while (end < text.size() && text[end] != ';' && !is_control(text[end])) {
            ++end;
        }
        const std::string_view part = trim(text.substr(0, end));
        if (!part.empty()) {
            take(part);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

/// Where the comment that opens at `open` closes; comments nest. The text's size if it never does.
constexpr std::size_t closing_parenthesis(std::string_view text, std::size_t open) noexcept {
    std::size_t depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
        if (text[i] == '(') {
            ++depth;
        } else if (text[i] == ')' && --depth == 0) {
            return i;
        }
    }
    return text.size();
}

constexpr bool is_separator(char c) noexcept {
    return is_space(c) || c == ';' || c == ',' || c == ')' || c == ']';
}

void add_product(Header& header, const Product& product) noexcept {
    if (!product.name.empty()) {
        header.products.add(product);
    }
}

/// Gives the last product its version, if it has none yet.
void add_version(Header& header, std::string_view version) noexcept {
    if (!header.products.empty() && header.products.back().version.empty()) {
        header.products.back().version = version;
    }
}

/// Adds the product or the two glued products of a word; a bare version belongs to the word before
/// ("Instagram 334.0.4").
void add_word(Header& header, std::string_view word) noexcept {
    if (word.find("://") != std::string_view::npos) {
        return;
    }
    const std::string_view version = leading_version(word);
    if (!version.empty() && version.size() == word.size()) {
        add_version(header, version);
        return;
    }
    const Product product = product_of(word);
    add_product(header, product);
    if (!product.version.empty()) {
        const auto used =
            static_cast<std::size_t>(product.version.data() - word.data()) + product.version.size();
        if (used < word.size() && is_upper(word[used])) {
            add_product(header, product_of(word.substr(used)));
        }
    }
}

} // namespace

Header take_apart(std::string_view text) noexcept {
    Header header;
    bool first_comment = true;
    bool nested = true;
    std::size_t at = 0;
    while (at < text.size()) {
        if (is_separator(text[at])) {
            ++at;
        } else if (text[at] == '(') {
            std::size_t close = nested ? closing_parenthesis(text, at) : text.size();
            if (close == text.size()) {
                // One is missing ("(Linux; Android 10; Moto Z (2) AppleWebKit/537.36"): from here
                // on the next one closes, and the rest is not searched again for each that opens.
                nested = false;
                close = std::min(text.find(')', at), text.size());
            }
            auto& parts = first_comment ? header.system : header.remarks;
            for_each_part(text.substr(at + 1, close - at - 1), [&](std::string_view part) {
                header.explains_itself =
                    header.explains_itself || equal(part, "compatible") || contains(part, "://");
                parts.add(part);
            });
            first_comment = false;
            at = close;
        } else if (text[at] == '[') { // "[FBAN/FBIOS;FBAV/465.0]", "[LinkedInApp]/9.29"
            const std::size_t close = std::min(text.find(']', at), text.size());
            for_each_part(text.substr(at + 1, close - at - 1),
                          [&](std::string_view part) { add_product(header, product_of(part)); });
            at = close;
            if (at + 1 < text.size() && text[at + 1] == '/') {
                add_version(header, leading_version(text.substr(at + 2)));
            }
        } else {
            const std::size_t begin = at;
            while (at < text.size() && !is_separator(text[at]) && text[at] != '(' &&
                   text[at] != '[') {
                ++at;
            }
            add_word(header, text.substr(begin, at - begin));
        }
    }
    return header;
}

Product find_product(const Header& header, std::string_view name) noexcept {
    for (const Product& product : header.products) {
        if (equal(product.name, name)) {
            return product;
        }
    }
    return {};
}

bool has_product(const Header& header, std::string_view name) noexcept {
    return !find_product(header, name).name.empty();
}

bool has_form_of_browser(const Header& header) noexcept {
    if (header.products.empty()) {
        return false;
    }
    return std::any_of(
        browser_beginnings.begin(), browser_beginnings.end(),
        [&](std::string_view name) { return equal(header.products.front().name, name); });
}

} // namespace session_service::core::user_agents
