// Hashing, key derivation and comparison of secrets, through OpenSSL 3 (libcrypto).
//
// For processes of one thread: the digest's context is kept and shared between calls. Where memory
// runs out, std::bad_alloc is thrown.
#pragma once

#include "core/bytes.hpp"

#include <stdexcept>

namespace session_service::core {

/// libcrypto could not do what it always can, short of memory: there is nothing to retry.
struct CryptoError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// SHA-256 (FIPS 180-4) of `data`. Throws CryptoError.
Digest sha256(Bytes data);

/// SHA-1 (FIPS 180-4) of `first` followed by `second`, for UUIDv5 alone: it protects nothing.
/// Throws CryptoError.
std::array<std::uint8_t, 20> sha1_of(Bytes first, Bytes second);

/// HKDF-SHA-256 (RFC 5869), extract and expand, filling `out`. Throws CryptoError.
void hkdf_sha256(Bytes key_material, Bytes salt, std::string_view info, MutableBytes out);

/// HMAC-SHA-256 (RFC 2104) of `data` under `key`. Throws CryptoError.
Digest hmac_sha256(Bytes key, Bytes data);

/// Compares without a branch or an early exit that depends on the content (ASVS 11.2.4).
/// Lengths are public: unequal lengths are simply unequal.
bool constant_time_equal(Bytes left, Bytes right) noexcept;

} // namespace session_service::core
