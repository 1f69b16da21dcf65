// Identifiers: UUIDv7 (RFC 9562, section 5.7) whose 12 bits `rand_a` name a bucket.
#pragma once

#include "core/bytes.hpp"

namespace session_service::core {

inline constexpr std::uint16_t bucket_count = 4096;

/// The user's bucket: the first 12 bits, big endian, of SHA-256 over the id's 16 bytes. Frozen:
/// issued tokens and routing depend on it. Throws CryptoError.
std::uint16_t user_bucket(const Uuid& user_id);

/// The bucket that a session id names. Total: any UUID has these 12 bits.
std::uint16_t bucket_of(const Uuid& id) noexcept;

/// The range of a bucket, 0 to 15: what moves from one server to another as a whole.
constexpr std::uint16_t range_of(std::uint16_t bucket) noexcept {
    return bucket >> 8;
}

/// A UUIDv7 of this Unix time in milliseconds, with the bucket in `rand_a` and 62 of the 64 random
/// bits that are given. Times outside 48 bits are cut to the nearest.
Uuid make_uuid7(std::int64_t unix_milliseconds, std::uint16_t bucket,
                const std::array<std::uint8_t, 8>& random) noexcept;

/// A UUIDv7 of this Unix time in microseconds that sorts by time: `rand_a` holds the fraction of
/// the millisecond (RFC 9562, section 6.2, method 3), and `sequence` the order within one call,
/// before 46 random bits.
Uuid make_ordered_uuid7(std::int64_t unix_microseconds, std::uint16_t sequence,
                        const std::array<std::uint8_t, 8>& random) noexcept;

} // namespace session_service::core
