#include "core/jws.hpp"

#include "core/base64url.hpp"

#include <algorithm>
#include <array>

namespace session_service::core {
namespace {

/// The three parts between the dots, none of them empty.
std::optional<std::array<std::string_view, 3>> parts_of(std::string_view text) {
    // One more dot would lie within the second part, where it is no base64url.
    const std::size_t first = text.find('.');
    const std::size_t last = text.rfind('.');
    if (first == last) {
        return std::nullopt;
    }
    const std::array<std::string_view, 3> parts{
        text.substr(0, first), text.substr(first + 1, last - first - 1), text.substr(last + 1)};
    if (std::ranges::any_of(parts, [](std::string_view part) { return part.empty(); })) {
        return std::nullopt;
    }
    return parts;
}

std::optional<std::vector<std::uint8_t>> decode(std::string_view text) {
    std::vector<std::uint8_t> bytes(text.size());
    const std::optional<std::size_t> size = base64url_decode(text, bytes);
    if (!size) {
        return std::nullopt;
    }
    bytes.resize(*size);
    return bytes;
}

std::optional<JsonObject> object_of(const std::vector<std::uint8_t>& bytes) {
    return JsonObject::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

} // namespace

std::optional<Jws> parse_jws(std::string_view text) {
    if (text.size() > max_jws_length) {
        return std::nullopt;
    }
    const auto parts = parts_of(text);
    if (!parts) {
        return std::nullopt;
    }
    const auto& [header_text, payload_text, signature_text] = *parts;

    // All parts are decoded before any is read as JSON, which costs more.
    const auto header_bytes = decode(header_text);
    const auto payload_bytes = decode(payload_text);
    auto signature = decode(signature_text);
    if (!header_bytes || !payload_bytes || !signature) {
        return std::nullopt;
    }
    auto header = object_of(*header_bytes);
    if (!header || header->has("crit")) {
        return std::nullopt;
    }
    auto payload = object_of(*payload_bytes);
    if (!payload) {
        return std::nullopt;
    }
    return Jws{.header = std::move(*header),
               .payload = std::move(*payload),
               .signing_input = text.substr(0, header_text.size() + 1 + payload_text.size()),
               .signature = std::move(*signature)};
}

} // namespace session_service::core
