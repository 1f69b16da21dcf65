// A User-Agent header is a list of products, `Name/version`, with comments in parentheses. Nearly
// every browser names its ancestors too (`Mozilla/5.0 ... Chrome/126.0 Safari/537.36 Edg/126.0`),
// so the text is taken apart once, and the product that stands highest in one table is the client.
// The first comment tells of the system, word by word, in the same way.
#include "core/user_agent.hpp"

#include "core/user_agent_names.hpp"

#include <algorithm>
#include <type_traits>

namespace session_service::core {

static_assert(std::is_trivially_copyable_v<UserAgent>);
static_assert(std::is_trivially_destructible_v<UserAgent>);

namespace {

using namespace user_agent_names;

// --- Characters and words --------------------------------------------------------------------

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_upper(char c) noexcept {
    return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) noexcept {
    return lower(c) >= 'a' && lower(c) <= 'z';
}
constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
/// Control characters separate as blanks do, so that no name has one.
constexpr bool is_space(char c) noexcept {
    return c == ' ' || is_control(c);
}

/// The names of the protocol are ASCII; other bytes equal themselves alone.
constexpr bool equal(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

constexpr bool starts_with(std::string_view text, std::string_view prefix) noexcept {
    return text.size() >= prefix.size() && equal(text.substr(0, prefix.size()), prefix);
}

/// Whether `text` contains `needle`, which is written in lower case.
constexpr bool contains(std::string_view text, std::string_view needle) noexcept {
    for (std::size_t i = 0; i + needle.size() <= text.size(); ++i) {
        if (lower(text[i]) == needle.front() && equal(text.substr(i, needle.size()), needle)) {
            return true;
        }
    }
    return false;
}

/// The beginning of `text`, at most `limit` bytes of it, without half a character of UTF-8 at its
/// end.
constexpr std::string_view shorten(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) {
        return text;
    }
    const auto is_continuation = [&](std::size_t at) {
        return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
    };
    std::size_t end = limit;
    while (limit - end < 3 && is_continuation(end)) {
        --end;
    }
    return text.substr(0, is_continuation(end) ? limit : end);
}

constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// The numbers that `text` begins with, and the dots or underscores between them.
constexpr std::string_view leading_numbers(std::string_view text) noexcept {
    std::size_t end = 0;
    while (end < text.size() && (is_digit(text[end]) || text[end] == '.' || text[end] == '_')) {
        ++end;
    }
    while (end > 0 && !is_digit(text[end - 1])) {
        --end;
    }
    return text.substr(0, end);
}

/// The version that `text` begins with, suffixes included ("5.0.0-alpha.14"), without the "v" that
/// some put before it. Empty if it does not begin with a number.
constexpr std::string_view leading_version(std::string_view text) noexcept {
    if (text.size() > 1 && lower(text[0]) == 'v' && is_digit(text[1])) {
        text.remove_prefix(1);
    }
    if (text.empty() || !is_digit(text.front())) {
        return {};
    }
    std::size_t end = leading_numbers(text).size();
    if (end < text.size() && is_upper(text[end])) {
        return text.substr(0, end); // "Safari/537.36Snapchat12.88" is two products
    }
    while (end < text.size() && (is_digit(text[end]) || is_letter(text[end]) || text[end] == '.' ||
                                 text[end] == '_' || text[end] == '-' || text[end] == '+')) {
        ++end;
    }
    return text.substr(0, end);
}

// --- Taking the text apart -------------------------------------------------------------------

/// A list of fixed capacity. What does not fit is dropped, which only a made-up header reaches.
template <typename T, std::size_t Capacity>
class FixedList {
  public:
    void add(const T& item) noexcept {
        if (size_ < Capacity) {
            items_[size_++] = item;
        }
    }
    [[nodiscard]] const T* begin() const noexcept { return items_.data(); }
    [[nodiscard]] const T* end() const noexcept { return items_.data() + size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const T& front() const noexcept { return items_.front(); }
    [[nodiscard]] T& back() noexcept { return items_[size_ - 1]; }

  private:
    std::array<T, Capacity> items_{};
    std::size_t size_ = 0;
};

struct Product {
    std::string_view name;
    std::string_view version;
};

struct Header {
    FixedList<Product, 40> products;         // outside parentheses, in order
    FixedList<std::string_view, 20> system;  // the first comment, cut at its semicolons
    FixedList<std::string_view, 20> remarks; // the later comments
    bool explains_itself = false;            // a comment says "compatible" or has an address
};

/// Takes one word apart: `Name/version`, `Vendor/Name/version`, `Name` or, glued together,
/// `Name_1.2`.
constexpr Product product_of(std::string_view word) noexcept {
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

constexpr bool ends_word(char c) noexcept {
    return is_space(c) || c == '/' || c == '-' || c == ';' || c == ':' || c == '(' || c == ')';
}

/// Cuts the next word off `text`; empty at its end.
constexpr std::string_view next_word(std::string_view& text) noexcept {
    std::size_t begin = 0;
    while (begin < text.size() && ends_word(text[begin])) {
        ++begin;
    }
    std::size_t end = begin;
    while (end < text.size() && !ends_word(text[end])) {
        ++end;
    }
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

/// The system that a word tells of; none for an empty one.
constexpr Os os_of_word(std::string_view word) noexcept {
    for (const SystemWord& known : system_words) {
        if (!word.empty() && lower(known.word.front()) == lower(word.front()) &&
            starts_with(word, known.word) &&
            (word.size() == known.word.size() || !is_letter(word[known.word.size()]))) {
            return known.os;
        }
    }
    return Os::unknown;
}

/// The product called `name`, or an empty one.
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

// --- The client ------------------------------------------------------------------------------

struct Client {
    std::string_view name;
    std::string_view version;
    Kind kind = Kind::nothing;
};

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
constexpr Product product_in_comment(std::string_view part) noexcept {
    return starts_with(part, "MSIE ") ? Product{part.substr(0, 4), leading_version(part.substr(5))}
                                      : product_of(part);
}

/// The client by the table of products. Comments name one only where they explain themselves,
/// since they are full of the names of devices otherwise.
Client find_known(const Header& header) noexcept {
    ClientSearch search;
    for (const Product& product : header.products) {
        search.take(product);
    }
    for (const std::string_view part : header.system) {
        if (header.explains_itself || starts_with(part, "Trident/") ||
            starts_with(part, "Opera M")) {
            search.take(product_in_comment(part));
        }
    }
    for (const std::string_view part : header.remarks) {
        if (header.explains_itself) {
            search.take(product_in_comment(part));
        } else if (starts_with(part, "Ecosia ")) { // "(Ecosia ios@10.2.0.2053)"
            search.take({part.substr(0, 6), {}});
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

/// Whether the header has the form of a browser's: those call themselves Mozilla, or are too old
/// to.
bool has_form_of_browser(const Header& header) noexcept {
    if (header.products.empty()) {
        return false;
    }
    const std::string_view first = header.products.front().name;
    return equal(first, "Mozilla") || equal(first, "Opera") || equal(first, "UCWEB");
}

Client find_client(const Header& header, std::string_view text) noexcept {
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

// --- The system ------------------------------------------------------------------------------

struct System {
    Os os = Os::unknown;
    std::string_view version;
    bool mobile = false; // the header says so
    bool tablet = false;
    bool tv = false;
    bool headset = false;
};

constexpr std::string_view windows_release(std::string_view nt) noexcept {
    for (const WindowsRelease& release : windows_releases) {
        if (nt == release.nt) {
            return release.name;
        }
    }
    return nt;
}

constexpr bool is_any_of(std::string_view model, const auto& beginnings) noexcept {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view beginning) {
        return model.substr(0, beginning.size()) == beginning;
    });
}

/// Whether a word of a model's name says that it is a tablet: "Tab", "MediaPad", "Tablet", "TAB10",
/// and the W09 that ends the model of a Huawei or Honor tablet without a telephone.
constexpr bool says_tablet(std::string_view word) noexcept {
    for (std::size_t i = 0; i + 3 <= word.size(); ++i) {
        const std::string_view three = word.substr(i, 3);
        const bool ends = i + 3 == word.size() || !is_letter(word[i + 3]);
        const bool begins = i == 0 || !is_letter(word[i - 1]);
        if (equal(three, "tab") && (ends || starts_with(word.substr(i), "tablet"))) {
            return true;
        }
        if (ends && (three == "Pad" || (begins && equal(three, "pad")))) { // Coolpad makes phones
            return true;
        }
    }
    return starts_with(word, "iPad") ||
           (word.size() == 3 && word[0] == 'W' && is_digit(word[1]) && is_digit(word[2]));
}

/// "DTV" is a phone that receives television.
constexpr bool says_television(std::string_view word) noexcept {
    return (word.ends_with("TV") && !word.ends_with("DTV")) || equal(word, "NetCast") ||
           equal(word, "VIDAA") || word == "OMI" || is_any_of(word, television_models);
}

/// What a word tells of the kind of device.
void read_device_word(System& system, std::string_view word) noexcept {
    if (equal(word, "Mobile") || equal(word, "MIDP")) {
        system.mobile = true;
    } else if (says_tablet(word) || equal(word, "Kindle")) {
        system.tablet = true;
    } else if (says_television(word)) {
        system.tv = true;
    } else if (word == "VR") {
        system.headset = true;
    }
}

/// What a device's model, with or without its maker, tells of the kind of device.
void read_model(System& system, std::string_view model) noexcept {
    for (const std::string_view maker : {"SAMSUNG ", "Lenovo "}) {
        if (starts_with(model, maker)) {
            model.remove_prefix(maker.size());
        }
    }
    system.tablet = system.tablet || is_any_of(model, tablet_models);
}

/// Takes a system that a part of the header tells of, unless a better one is known.
void take_system(System& system, Os os, std::string_view version) noexcept {
    if (os < system.os || (os == system.os && system.version.empty())) {
        system.os = os;
        system.version = version;
    }
}

/// What a part of the comment tells: a device's model, or the system with its version.
void read_part(System& system, std::string_view part) noexcept {
    read_model(system, part);
    system.mobile = system.mobile || starts_with(part, "Opera M"); // Opera Mini, Opera Mobi

    Os os = starts_with(part, "CPU OS ")    ? Os::ios
            : starts_with(part, "Apple TV") ? Os::tvos
                                            : Os::unknown;
    std::string_view version;
    bool nt = false;
    std::string_view rest = part;
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
        if (equal(word, "Build") || equal(word, "like")) {
            break; // what follows is no longer about this device
        }
        if (is_digit(word.front())) {
            version = version.empty() && os != Os::unknown ? leading_numbers(word) : version;
        } else if (os == Os::windows && equal(word, "Phone")) {
            os = Os::windows_phone;
        } else if (equal(word, "NT")) {
            nt = true;
        } else {
            read_device_word(system, word);
            os = std::min(os, os_of_word(word));
        }
    }
    take_system(system, os, os == Os::windows && nt ? windows_release(version) : version);
}

/// What the products tell of the system: little in a browser's header, more in an app's
/// ("Spotify/8.9 iOS/17.5 (iPhone14,5)").
void read_products(System& system, const Header& header) noexcept {
    const bool is_browser = has_form_of_browser(header);
    for (const Product& product : header.products) {
        read_device_word(system, product.name);
        if (equal(product.name, "CrKey")) { // Chromecast
            system.tv = true;
        } else if (!product.name.empty() && (!is_browser || equal(product.name, "KAIOS"))) {
            take_system(system, os_of_word(product.name), leading_numbers(product.version));
        }
    }
    // Apple's network library does not tell the system; a Mac tells its processor.
    if (has_product(header, "CFNetwork")) {
        const std::string_view processor =
            header.system.empty() ? std::string_view{} : header.system.front();
        const bool is_mac = equal(processor, "x86_64") || equal(processor, "i386");
        system.os = is_mac ? Os::macos : std::min(system.os, Os::ios);
        system.version = {};
    }
}

System read_system(const Header& header) noexcept {
    System system;
    for (const std::string_view part : header.system) {
        read_part(system, part);
    }
    read_products(system, header);
    if (system.os == Os::linux_kernel || system.os == Os::unknown) {
        system.version = {}; // a distribution's, or a processor's number
    }
    return system;
}

// --- The answer ------------------------------------------------------------------------------

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

/// Whose browser it is if nothing but the engine that Apple wrote is named.
constexpr std::string_view stock_browser_of(Os os) noexcept {
    switch (os) {
    case Os::android:
        return "Android Browser";
    case Os::blackberry:
        return "BlackBerry Browser";
    case Os::tizen:
        return "Samsung Internet";
    default:
        return "Safari";
    }
}

DeviceType device_type_of(const System& system) noexcept {
    if (system.headset) {
        return DeviceType::unknown; // worn on the head: none of the kinds
    }
    if (system.tv) {
        return DeviceType::tv;
    }
    switch (system.os) {
    case Os::xbox:
    case Os::playstation:
    case Os::nintendo:
    case Os::tvos:
    case Os::webos:
    case Os::roku:
        return DeviceType::tv;
    case Os::tizen:
        return system.mobile ? DeviceType::mobile : DeviceType::tv;
    case Os::ios:
        return system.tablet ? DeviceType::tablet : DeviceType::mobile;
    case Os::android: // phones say "Mobile", tablets do not
    case Os::harmonyos:
        return system.mobile && !system.tablet ? DeviceType::mobile : DeviceType::tablet;
    case Os::windows_phone:
    case Os::symbian:
    case Os::kaios:
    case Os::blackberry:
        return DeviceType::mobile;
    case Os::linux_kernel:
        return system.tablet   ? DeviceType::tablet
               : system.mobile ? DeviceType::mobile
                               : DeviceType::desktop;
    case Os::chrome_os:
    case Os::macos:
    case Os::windows:
    case Os::freebsd:
    case Os::openbsd:
    case Os::netbsd:
        return DeviceType::desktop;
    case Os::watchos: // worn, too
    case Os::visionos:
    case Os::unknown:
        break;
    }
    return system.mobile ? DeviceType::mobile : DeviceType::unknown;
}

} // namespace

DottedVersion::DottedVersion(std::string_view version) noexcept
    : size_(static_cast<std::uint8_t>(std::min(version.size(), characters_.size()))) {
    std::transform(version.begin(), version.begin() + size_, characters_.begin(),
                   [](char c) { return c == '_' ? '.' : c; });
}

std::string_view name_of(DeviceType type) noexcept {
    switch (type) {
    case DeviceType::desktop:
        return "desktop";
    case DeviceType::mobile:
        return "mobile";
    case DeviceType::tablet:
        return "tablet";
    case DeviceType::tv:
        return "tv";
    case DeviceType::bot:
        return "bot";
    case DeviceType::app:
        return "app";
    case DeviceType::unknown:
        break;
    }
    return "unknown";
}

UserAgent describe_user_agent(std::string_view text) noexcept {
    const Header header = take_apart(text);
    const System system = read_system(header);
    Client client = find_client(header, text);
    client.version = version_of(header, client);

    UserAgent result;
    result.os = os_names[static_cast<std::size_t>(system.os)];
    result.os_version = DottedVersion(system.version);
    result.browser = shorten(client.name, UserAgent::max_length);
    result.browser_version = shorten(client.version, UserAgent::max_length);
    if (client.kind == Kind::bot) {
        result.device_type = DeviceType::bot;
    } else if (client.kind == Kind::app) {
        // "Roku/DVP-12.5", "AppleTV11,1/17.5" and "HbbTV/1.5.1" are the device itself.
        const Os device = os_of_word(client.name);
        const bool is_tv = device == Os::roku || device == Os::tvos || client.name == "HbbTV";
        result.device_type = is_tv ? DeviceType::tv : DeviceType::app;
        if (device == Os::tvos) {
            result.browser = result.browser_version = {}; // a model
        }
    } else {
        if (client.name == "Safari") {
            result.browser = stock_browser_of(system.os);
        }
        result.device_type = device_type_of(system);
    }
    return result;
}

} // namespace session_service::core
