#include "core/user_agent_client.hpp"

#include "core/user_agent_system.hpp"
#include "core/user_agent_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace session_service::core::user_agents {

namespace {

constexpr std::size_t unranked = known_products.size();
static_assert(unranked < 256);

constexpr std::size_t letter_of(char c) noexcept {
    return is_letter(c) ? static_cast<std::size_t>(lower(c) - 'a') : 26;
}

/// The ranks of the known products by their first letter, so that a look-up compares few of them.
struct ProductIndex {
    std::array<std::uint8_t, known_products.size()> ranks{};
    std::array<std::uint8_t, 28> begin{}; // of each letter's ranks; [26] is all else, [27] the end

    constexpr ProductIndex() noexcept {
        std::size_t size = 0;
        for (std::size_t letter = 0; letter < 27; ++letter) {
            begin[letter] = static_cast<std::uint8_t>(size);
            for (std::size_t rank = 0; rank < known_products.size(); ++rank) {
                if (letter_of(known_products[rank].token.front()) == letter) {
                    ranks[size++] = static_cast<std::uint8_t>(rank);
                }
            }
        }
        begin[27] = static_cast<std::uint8_t>(size);
    }
};

constexpr ProductIndex product_index;

constexpr bool matches(std::string_view token, std::string_view name) noexcept {
    return token.back() == '*' ? starts_with(name, token.substr(0, token.size() - 1))
                               : equal(name, token);
}

/// The place of the product called `name` in the table, or `unranked`.
constexpr std::size_t rank_of(std::string_view name) noexcept {
    if (name.empty()) {
        return unranked;
    }
    const std::size_t letter = letter_of(name.front());
    for (std::size_t i = product_index.begin[letter]; i < product_index.begin[letter + 1]; ++i) {
        const std::size_t rank = product_index.ranks[i];
        if (matches(known_products[rank].token, name)) {
            return rank;
        }
    }
    return unranked;
}

/// Whether a name gives a crawler away. Cubot makes phones.
constexpr bool is_bot_name(std::string_view name) noexcept {
    return (contains(name, "bot") && !starts_with(name, "cubot")) || contains(name, "spider") ||
           contains(name, "crawler");
}

/// The product of the highest rank among those taken.
class ClientSearch {
  public:
    void take(const Product& product) noexcept {
        const std::size_t rank = rank_of(product.name);
        if (rank < rank_) {
            rank_ = rank;
            client_ = {known_products[rank].name, product.version, known_products[rank].kind};
        } else if (rank == unranked && client_.kind != Kind::bot && is_bot_name(product.name) &&
                   product.name.find('@') == std::string_view::npos) {
            rank_ = 0;
            client_ = {product.name, product.version, Kind::bot};
        }
    }
    [[nodiscard]] const Client& client() const noexcept { return client_; }

  private:
    std::size_t rank_ = unranked;
    Client client_;
};

/// A part of a comment as a product: "Googlebot/2.1", but "MSIE 10.0" as well.
Product product_in_comment(std::string_view part, std::string_view beginning) noexcept {
    return beginning.ends_with(' ') ? Product{beginning.substr(0, beginning.size() - 1),
                                              leading_version(part.substr(beginning.size()))}
                                    : product_of(part);
}

/// The client by the table of products. Comments name one only where they explain themselves, or
/// begin as few do, since they are full of the names of devices otherwise.
Client find_known(const Header& header) noexcept {
    ClientSearch search;
    for (const Product& product : header.products) {
        search.take(product);
    }
    for (const auto* parts : {&header.system, &header.remarks}) {
        for (const std::string_view part : *parts) {
            const auto* const known =
                std::find_if(comment_products.begin(), comment_products.end(),
                             [&](std::string_view each) { return starts_with(part, each); });
            if (known != comment_products.end()) {
                search.take(product_in_comment(part, *known));
            } else if (header.explains_itself) {
                search.take(product_of(part));
            }
        }
    }
    return search.client();
}

/// Clients that the table does not have, by their own name: apps built on Electron, other
/// browsers built on Gecko, and whoever else calls itself Mozilla.
Client find_unlisted(const Header& header) noexcept {
    for (const Product& product : header.products) {
        if (rank_of(product.name) == unranked && !product.version.empty()) {
            return {product.name, product.version,
                    has_product(header, "Gecko") ? Kind::browser : Kind::app};
        }
    }
    const Product electron = find_product(header, "Electron");
    return electron.name.empty() ? Client{} : Client{electron.name, electron.version, Kind::app};
}

/// Who says "compatible" and is no browser fetches pages: `Mozilla/5.0 (compatible; Name/1.0;
/// ...)`.
Client find_compatible(const Header& header) noexcept {
    if (header.system.empty() || !equal(header.system.front(), "compatible")) {
        return {};
    }
    for (std::string_view part : header.system) {
        const Product product = product_of(part);
        if (!equal(part, "compatible") && !contains(part, "://") &&
            os_of_word(next_word(part)) == Os::unknown) {
            return {product.name, product.version, Kind::bot};
        }
    }
    return {};
}

/// Whether a name may be a client's: letters, digits, blanks and a few signs, in any script.
constexpr bool has_form_of_name(std::string_view name) noexcept {
    return !name.empty() && name.front() != '\'' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return is_letter(c) || is_digit(c) || is_space(c) ||
                      static_cast<unsigned char>(c) > 0x7f ||
                      std::string_view{"._-+&'!:@%"}.find(c) != std::string_view::npos;
           });
}

/// Whether a text is a client's name without more ("Jellyfin Media Player"), and not just words:
/// each word is written with a capital letter, or in a script of another kind.
constexpr bool has_form_of_title(std::string_view text) noexcept {
    bool begins_word = true;
    for (const char c : text) {
        if (begins_word && !(c >= 'A' && c <= 'Z') && static_cast<unsigned char>(c) <= 0x7f) {
            return false;
        }
        begins_word = is_space(c);
    }
    return text.size() > 1;
}

/// A client of its own kind begins with its name, which may have blanks ("Plex Media Player 2.58",
/// "Instagram 309.1 Android (...)").
Client find_native(std::string_view text) noexcept {
    text = trim(text);
    std::size_t end = 0;
    bool is_name = false;
    while (end < text.size() && text[end] != '/' && text[end] != '(' && text[end] != '[' &&
           text[end] != ';' && text[end] != ',' && !is_control(text[end])) {
        if (end > 0 && is_space(text[end - 1]) && !leading_version(text.substr(end)).empty()) {
            break;
        }
        is_name = is_name || is_letter(text[end]) || static_cast<unsigned char>(text[end]) > 0x7f;
        ++end;
    }
    const std::string_view name = trim(text.substr(0, end));
    const bool is_all = end == text.size();
    if (!is_name || !has_form_of_name(name) ||
        (is_all && name != "node" && !has_form_of_title(name))) {
        return {};
    }
    const bool slash = end < text.size() && text[end] == '/';
    return {name, leading_version(text.substr(slash ? end + 1 : end)), Kind::app};
}

/// The client by name, with the version that stands beside it.
Client name_client(const Header& header, std::string_view text) noexcept {
    const Client known = find_known(header);
    if (known.kind == Kind::bot) {
        return known;
    }
    if (!has_form_of_browser(header)) {
        if (known.kind == Kind::app || known.kind == Kind::in_app) {
            return {known.name, known.version, Kind::app};
        }
        return find_native(text);
    }
    if (known.name == "Electron") {
        return find_unlisted(header);
    }
    if (known.name.empty()) {
        const Client fetcher = find_compatible(header);
        return fetcher.name.empty() ? find_unlisted(header) : fetcher;
    }
    return known;
}

/// The version where it stands elsewhere than in the product that names the client.
std::string_view version_of(const Header& header, const Client& client) noexcept {
    if (client.name == "Safari" || (client.name == "Opera" && client.version == "9.80")) {
        return find_product(header, "Version").version;
    }
    if (client.name == "Facebook") {
        return find_product(header, "FBAV").version;
    }
    if (client.name == "Twitter" && client.version.empty()) { // "Twitter for iPhone/10.44"
        const std::string_view phone = find_product(header, "iPhone").version;
        return phone.empty() ? find_product(header, "iPad").version : phone;
    }
    if (client.name == "Internet Explorer") {
        for (const std::string_view part : header.system) {
            if (starts_with(part, "rv:")) {
                return leading_version(part.substr(3));
            }
        }
    }
    return client.version;
}

} // namespace

Client find_client(const Header& header, std::string_view text) noexcept {
    Client client = name_client(header, text);
    client.version = version_of(header, client);
    return client;
}

} // namespace session_service::core::user_agents
