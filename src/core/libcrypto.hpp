// What every use of libcrypto here shares: where algorithms come from, and what a failure was.
//
// Each failure takes libcrypto's report of it away, since the server's TLS shares the queue that it
// lies in. Before the first call of a group errno is set to 0, since it is asked after a failure.
#pragma once

#include "core/bytes.hpp"

#include <memory>

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace session_service::core::libcrypto {

// Fetched once and kept for the life of the process, since that costs more than a short digest.
// They throw CryptoError where there is none, and std::bad_alloc.
EVP_MD* sha256_algorithm();
EVP_MD_CTX* sha256_context(); // for digests that are begun and ended at once
EVP_MD* sha1_algorithm();
EVP_KDF* hkdf_algorithm();
EVP_MAC* hmac_algorithm();

enum class Scheme : std::uint8_t { ecdsa, rsa, ed25519 };

/// Has kept what libcrypto fetches itself when a signature is verified, each time: it would not
/// tell that one cannot be had any more. Returns its name for keys of that kind.
const char* prepare_signatures(Scheme scheme);

/// The context from which to fetch others; null is libcrypto's default one.
OSSL_LIB_CTX* library_context();

/// Throws std::bad_alloc or CryptoError for a failure of libcrypto.
[[noreturn]] void throw_failure(const char* what);

/// The same for a call that fails for other reasons as well: throws std::bad_alloc alone.
void throw_if_out_of_memory();

/// Takes away, as its scope ends in whatever way, the reports of what libcrypto got over: it does
/// without some things for which there is no memory.
class ReportGuard {
  public:
    ReportGuard() = default;
    ~ReportGuard();
    ReportGuard(const ReportGuard&) = delete;
    ReportGuard(ReportGuard&&) = delete;
    ReportGuard& operator=(const ReportGuard&) = delete;
    ReportGuard& operator=(ReportGuard&&) = delete;
};

template <auto release>
struct Releaser {
    template <typename Object>
    void operator()(Object* object) const noexcept {
        release(object);
    }
};

/// Owns an object of libcrypto's, which its function `release` frees.
template <typename Object, auto release>
using Owned = std::unique_ptr<Object, Releaser<release>>;

/// A parameter that libcrypto only reads, though its type cannot say so.
OSSL_PARAM octets(const char* key, Bytes bytes) noexcept;

} // namespace session_service::core::libcrypto
