#include "core/user_id.hpp"

#include "core/crypto.hpp"

#include <algorithm>

namespace session_service::core {
namespace {

constexpr std::array<std::uint8_t, 6> number_mark{'s', 'e', 's', 's', 'i', 'd'};
constexpr Uuid text_namespace{0x5e, 0x55, 0x10, 0x41, 0x5e, 0x2f, 0x5c, 0x1c,
                              0x8e, 0x5d, 0x1d, 0x0f, 0x00, 0x00, 0xaa, 0x5e};

constexpr std::size_t version_byte = 6;
constexpr std::size_t variant_byte = 8;
constexpr std::uint8_t variant = 0x80;

constexpr std::uint8_t byte_of(std::uint64_t value, unsigned shift) noexcept {
    return static_cast<std::uint8_t>(value >> shift);
}

} // namespace

Uuid user_id_of_number(std::int64_t number) noexcept {
    const auto bits = static_cast<std::uint64_t>(number);
    Uuid id{};
    std::ranges::copy(number_mark, id.begin());
    id[version_byte] = 0x80;                                 // version 8, 4 bits zero
    id[version_byte + 1] = byte_of(bits, 62);                // 6 bits zero, the upper 2
    id[variant_byte] = variant | (byte_of(bits, 56) & 0x3f); // the next 6
    for (std::size_t i = 1; i < 8; ++i) {                    // the lower 56
        id[variant_byte + i] = byte_of(bits, static_cast<unsigned>(56 - 8 * i));
    }
    return id;
}

std::optional<std::int64_t> number_of_user_id(const Uuid& id) noexcept {
    std::uint64_t bits = std::uint64_t{id[version_byte + 1]} << 62;
    bits |= std::uint64_t{static_cast<std::uint8_t>(id[variant_byte] & 0x3f)} << 56;
    for (std::size_t i = 1; i < 8; ++i) {
        bits |= std::uint64_t{id[variant_byte + i]} << (56 - 8 * i);
    }
    const auto number = static_cast<std::int64_t>(bits);
    if (user_id_of_number(number) != id) {
        return std::nullopt;
    }
    return number;
}

Uuid user_id_of_text(std::string_view text) {
    const auto digest = sha1_of(text_namespace, bytes_of(text));
    Uuid id{};
    std::copy_n(digest.begin(), id.size(), id.begin());
    id[version_byte] = static_cast<std::uint8_t>(0x50 | (id[version_byte] & 0x0f));
    id[variant_byte] = static_cast<std::uint8_t>(variant | (id[variant_byte] & 0x3f));
    return id;
}

} // namespace session_service::core
