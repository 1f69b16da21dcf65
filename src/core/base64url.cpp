#include "core/base64url.hpp"

namespace session_service::core {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static_assert(alphabet.size() == 64);

constexpr std::uint8_t highest_value = alphabet.size() - 1;

/// Marks what is no character of the alphabet; as a value it would need more than 6 bits.
constexpr std::uint8_t not_in_alphabet = 0xff;

constexpr std::array<std::uint8_t, 256> value_of = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(not_in_alphabet);
    for (std::size_t value = 0; value < alphabet.size(); ++value) {
        table.at(static_cast<std::uint8_t>(alphabet[value])) = static_cast<std::uint8_t>(value);
    }
    return table;
}();

} // namespace

std::size_t base64url_encode(Bytes data, char* out) noexcept {
    std::size_t written = 0;
    std::uint32_t pending = 0; // bits not yet written, at its low end
    unsigned pending_bits = 0;
    for (const std::uint8_t byte : data) {
        pending = (pending << 8) | byte;
        pending_bits += 8;
        while (pending_bits >= 6) {
            pending_bits -= 6;
            out[written++] = alphabet[(pending >> pending_bits) & 0x3f];
        }
    }
    if (pending_bits > 0) {
        out[written++] = alphabet[(pending << (6 - pending_bits)) & 0x3f];
    }
    return written;
}

std::optional<std::size_t> base64url_decode(std::string_view text, MutableBytes out) noexcept {
    // One character more than whole groups of four holds 6 bits: no byte.
    if (text.size() % 4 == 1) {
        return std::nullopt;
    }
    const std::size_t size = text.size() / 4 * 3 + text.size() % 4 * 6 / 8;
    if (size > out.size()) {
        return std::nullopt;
    }

    // Four characters are three bytes. What is not in the alphabet shows in the end.
    Bytes rest = bytes_of(text);
    std::size_t written = 0;
    std::uint32_t seen = 0;
    for (; rest.size() >= 4; rest = rest.subspan(4)) {
        const std::array<std::uint32_t, 4> values{value_of[rest[0]], value_of[rest[1]],
                                                  value_of[rest[2]], value_of[rest[3]]};
        seen |= values[0] | values[1] | values[2] | values[3];
        const std::uint32_t bits = values[0] << 18 | values[1] << 12 | values[2] << 6 | values[3];
        out[written++] = static_cast<std::uint8_t>(bits >> 16);
        out[written++] = static_cast<std::uint8_t>(bits >> 8);
        out[written++] = static_cast<std::uint8_t>(bits);
    }

    std::uint32_t pending = 0;
    unsigned pending_bits = 0;
    for (const std::uint8_t character : rest) {
        const std::uint32_t value = value_of[character];
        seen |= value;
        pending = (pending << 6) | value;
        pending_bits += 6;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            out[written++] = static_cast<std::uint8_t>(pending >> pending_bits);
        }
    }
    if (seen > highest_value) {
        return std::nullopt;
    }
    const std::uint32_t spare_bits = pending & ((1U << pending_bits) - 1);
    if (spare_bits != 0) {
        return std::nullopt;
    }
    return size;
}

} // namespace session_service::core
