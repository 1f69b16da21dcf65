#include "core/uuid.hpp"

#include "core/crypto.hpp"

#include <algorithm>

namespace session_service::core {
namespace {

constexpr std::uint16_t rand_a_mask = bucket_count - 1;
static_assert(rand_a_mask == 0xfff, "a bucket fills the 12 bits of rand_a");

constexpr std::int64_t milliseconds_end = std::int64_t{1} << 48;

/// Lays out time (48 bits), version 7, `rand_a` (12 bits), variant 10 and `rand_b` (62 bits);
/// higher bits of each are ignored. RFC 9562, section 5.7.
Uuid lay_out_uuid7(std::uint64_t milliseconds, std::uint32_t rand_a,
                   std::uint64_t rand_b) noexcept {
    constexpr std::uint64_t version = 0x7000;
    constexpr std::uint64_t variant = std::uint64_t{0b10} << 62;
    const std::uint64_t high = (milliseconds << 16) | version | (rand_a & rand_a_mask);
    const std::uint64_t low = variant | (rand_b & ((std::uint64_t{1} << 62) - 1));
    Uuid id{};
    for (std::size_t i = 0; i < 8; ++i) {
        id[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
        id[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return id;
}

std::uint64_t big_endian(const std::array<std::uint8_t, 8>& bytes) noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) {
        value = (value << 8) | byte;
    }
    return value;
}

} // namespace

std::uint16_t user_bucket(const Uuid& user_id) {
    const Digest digest = sha256(user_id);
    return static_cast<std::uint16_t>((digest[0] << 4) | (digest[1] >> 4));
}

std::uint16_t bucket_of(const Uuid& id) noexcept {
    return static_cast<std::uint16_t>(((id[6] << 8) | id[7]) & rand_a_mask);
}

Uuid make_uuid7(std::int64_t unix_milliseconds, std::uint16_t bucket,
                const std::array<std::uint8_t, 8>& random) noexcept {
    const std::int64_t milliseconds =
        std::clamp<std::int64_t>(unix_milliseconds, 0, milliseconds_end - 1);
    return lay_out_uuid7(static_cast<std::uint64_t>(milliseconds), bucket, big_endian(random));
}

Uuid make_ordered_uuid7(std::int64_t unix_microseconds, std::uint16_t sequence,
                        const std::array<std::uint8_t, 8>& random) noexcept {
    // Cut the microseconds and not the milliseconds, so that the order holds at the bounds as well.
    const auto microseconds = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(unix_microseconds, 0, milliseconds_end * 1000 - 1));
    const auto fraction = static_cast<std::uint32_t>(microseconds % 1000 * 4096 / 1000);
    constexpr std::uint64_t random_mask = (std::uint64_t{1} << 46) - 1;
    const std::uint64_t rand_b =
        (std::uint64_t{sequence} << 46) | (big_endian(random) & random_mask);
    return lay_out_uuid7(microseconds / 1000, fraction, rand_b);
}

} // namespace session_service::core
