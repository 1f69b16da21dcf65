#include "core/http_uri.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory_resource>
#include <new>

#include <uriparser/Uri.h>

namespace session_service::core {
namespace {

constexpr unsigned highest_port = 65535;

std::string_view view_of(const UriTextRangeA& range) noexcept {
    return range.first == nullptr ? std::string_view{}
                                  : std::string_view{range.first, range.afterLast};
}

// As in the C locale, whatever the process has.
char to_lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}
char to_upper(char letter) noexcept {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

/// Whether uriparser could do what it was asked. Throws std::bad_alloc.
bool has_succeeded(int outcome) {
    if (outcome == URI_ERROR_MALLOC) {
        throw std::bad_alloc();
    }
    return outcome == URI_SUCCESS;
}

/// Memory for one URI, all of which is given back in the end. Where memory runs out, uriparser
/// itself loses what it has of a path.
class UriMemory {
  public:
    UriMemoryManager* manager() noexcept { return &manager_; }

  private:
    static void* allocate(UriMemoryManager* manager, std::size_t size) noexcept {
        auto* const memory = static_cast<std::pmr::memory_resource*>(manager->userData);
        try {
            return memory->allocate(size);
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }
    static void* allocate_zeros(UriMemoryManager* manager, std::size_t count,
                                std::size_t size) noexcept {
        void* const block = allocate(manager, count * size);
        return block == nullptr ? nullptr : std::memset(block, 0, count * size);
    }
    // Neither reading nor normalizing asks for these two, which have to be there.
    static void* reallocate(UriMemoryManager* /*manager*/, void* /*block*/,
                            std::size_t /*size*/) noexcept {
        return nullptr;
    }
    static void* reallocate_array(UriMemoryManager* /*manager*/, void* /*block*/,
                                  std::size_t /*count*/, std::size_t /*size*/) noexcept {
        return nullptr;
    }
    static void release(UriMemoryManager* /*manager*/, void* /*block*/) noexcept {}

    std::array<std::byte, 2048> first_{}; // enough for most
    std::pmr::monotonic_buffer_resource memory_{first_.data(), first_.size()};
    UriMemoryManager manager_{.malloc = allocate,
                              .calloc = allocate_zeros,
                              .realloc = reallocate,
                              .reallocarray = reallocate_array,
                              .free = release,
                              .userData = &memory_};
};

/// A URI that uriparser takes apart.
class ParsedUri {
  public:
    /// Throws std::bad_alloc.
    explicit ParsedUri(std::string_view text) {
        const char* place_of_error = nullptr;
        is_uri_ = has_succeeded(uriParseSingleUriExMmA(
            &uri_, text.data(), text.data() + text.size(), &place_of_error, memory_.manager()));
    }

    /// Whether it is one of http or https, and names a host and nothing secret. Leaves out a port
    /// that goes without saying.
    bool take_http() noexcept {
        return is_uri_ && uri_.userInfo.first == nullptr && !view_of(uri_.hostText).empty() &&
               ((has_scheme("https") && take_port("443")) ||
                (has_scheme("http") && take_port("80")));
    }

    /// RFC 3986, section 6.2.2. Throws std::bad_alloc.
    bool normalize_syntax() {
        return has_succeeded(uriNormalizeSyntaxExMmA(
            &uri_, URI_NORMALIZE_SCHEME | URI_NORMALIZE_HOST | URI_NORMALIZE_PATH,
            memory_.manager()));
    }

    /// Nothing where it cannot be written. Throws std::bad_alloc.
    std::optional<std::string> text() const {
        int length = 0;
        if (!has_succeeded(uriToStringCharsRequiredA(&uri_, &length))) {
            return std::nullopt;
        }
        // It writes the end of a C string as well, where a string has one.
        std::string text(static_cast<std::size_t>(length), '\0');
        if (!has_succeeded(uriToStringA(text.data(), &uri_, length + 1, nullptr))) {
            return std::nullopt;
        }
        return text;
    }

    bool has_path() const noexcept { return uri_.pathHead != nullptr; }

  private:
    bool has_scheme(std::string_view scheme) const noexcept {
        return std::ranges::equal(view_of(uri_.scheme), scheme, {}, to_lower);
    }

    /// Whether there is no port, or one that there may be, in its shortest form.
    bool take_port(std::string_view usual) noexcept {
        const std::string_view port = view_of(uri_.portText);
        if (port.empty() || port == usual) {
            uri_.portText = {};
            return true;
        }
        unsigned number = 0;
        const auto [end, error] = std::from_chars(port.begin(), port.end(), number);
        return error == std::errc{} && end == port.end() && port.front() != '0' &&
               number <= highest_port;
    }

    UriMemory memory_;
    UriUriA uri_{};
    bool is_uri_ = false;
};

} // namespace

std::optional<std::string> normalize_http_uri(std::string_view text) {
    // They may hold what no URI does, brackets above all, and are not compared.
    text = text.substr(0, max_http_uri_length + 1);
    text = text.substr(0, text.find_first_of("?#"));
    if (text.size() > max_http_uri_length) {
        return std::nullopt;
    }

    ParsedUri uri(text);
    if (!uri.take_http() || !uri.normalize_syntax()) {
        return std::nullopt;
    }
    std::optional<std::string> normalized = uri.text();
    if (!normalized) {
        return std::nullopt;
    }
    if (!uri.has_path()) {
        *normalized += '/';
    }
    // Some versions of uriparser write the host's in lower case.
    for (std::size_t at = normalized->find('%'); at < normalized->size();
         at = normalized->find('%', at + 1)) {
        for (std::size_t digit = at + 1; digit < std::min(at + 3, normalized->size()); ++digit) {
            (*normalized)[digit] = to_upper((*normalized)[digit]);
        }
    }
    return normalized;
}

} // namespace session_service::core
