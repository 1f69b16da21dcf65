#include "core/libcrypto.hpp"

#include "core/crypto.hpp"

#include <cerrno>
#include <new>
#include <string>

#include <openssl/conf.h>
#include <openssl/err.h>

namespace session_service::core::libcrypto {
namespace {

// Plain pointers: a failed fetch leaves them null and the next call tries again, and a fork
// inherits them as they are. A backend has one thread.
EVP_MD* sha256 = nullptr;
EVP_MD_CTX* sha256_digest = nullptr;
EVP_MD* sha1 = nullptr;
EVP_KDF* hkdf = nullptr;
EVP_MAC* hmac = nullptr;

struct Signatures {
    const char* key_name = nullptr;
    const char* name = nullptr;
    EVP_KEYMGMT* keys = nullptr;
    EVP_SIGNATURE* algorithm = nullptr;
};
// In the order of Scheme.
std::array<Signatures, 3> signatures{{
    {.key_name = "EC", .name = "ECDSA"},
    {.key_name = "RSA", .name = "RSA"},
    {.key_name = "ED25519", .name = "ED25519"},
}};

// Where the algorithms come from: null is libcrypto's default. It keeps what it could not find for
// want of memory as something that does not exist, so after a failed fetch all are fetched anew in
// a library context of our own, which knows nothing yet.
OSSL_LIB_CTX* own_context = nullptr;
bool is_context_spoilt = false;

void forget_algorithms() noexcept {
    EVP_MD_CTX_free(sha256_digest);
    sha256_digest = nullptr;
    EVP_MD_free(sha256);
    sha256 = nullptr;
    EVP_MD_free(sha1);
    sha1 = nullptr;
    EVP_KDF_free(hkdf);
    hkdf = nullptr;
    EVP_MAC_free(hmac);
    hmac = nullptr;
    for (Signatures& scheme : signatures) {
        EVP_KEYMGMT_free(scheme.keys);
        scheme.keys = nullptr;
        EVP_SIGNATURE_free(scheme.algorithm);
        scheme.algorithm = nullptr;
    }
    is_context_spoilt = true;
}

/// Whether libcrypto failed for want of memory. Its report tells that from the rest, but not
/// everywhere: some of its constructors report only that they failed. So errno, which malloc sets,
/// is asked as well.
bool was_out_of_memory() noexcept {
    bool out_of_memory = errno == ENOMEM;
    while (const unsigned long error = ERR_get_error()) {
        out_of_memory = out_of_memory || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    }
    return out_of_memory;
}

/// Throws where an algorithm could not be fetched. One that a context of our own does not have
/// either, and not for want of memory, is not asked for in yet another.
[[noreturn]] void throw_unavailable(const char* name) {
    const bool out_of_memory = was_out_of_memory();
    if (out_of_memory || own_context == nullptr) {
        forget_algorithms();
    }
    if (out_of_memory) {
        throw std::bad_alloc();
    }
    throw CryptoError(std::string(name) + " is not available");
}

/// Fetches an algorithm once, with `fetch` of its kind.
template <auto fetch, typename Algorithm>
Algorithm* fetched(Algorithm*& algorithm, const char* name) {
    if (algorithm == nullptr) {
        algorithm = fetch(library_context(), name, nullptr);
        if (algorithm == nullptr) {
            throw_unavailable(name);
        }
    }
    return algorithm;
}

} // namespace

// The report is taken away before anything is allocated for an exception of ours.
void throw_failure(const char* what) {
    throw_if_out_of_memory();
    throw CryptoError(what);
}

void throw_if_out_of_memory() {
    if (was_out_of_memory()) {
        throw std::bad_alloc();
    }
}

ReportGuard::~ReportGuard() {
    ERR_clear_error();
}

OSSL_LIB_CTX* library_context() {
    if (is_context_spoilt) {
        errno = 0;
        OSSL_LIB_CTX_free(own_context);
        own_context = OSSL_LIB_CTX_new();
        // Configured as libcrypto configures the default one, so that what the system prescribes
        // holds there as well.
        constexpr unsigned long flags = CONF_MFLAGS_DEFAULT_SECTION |
                                        CONF_MFLAGS_IGNORE_MISSING_FILE |
                                        CONF_MFLAGS_IGNORE_RETURN_CODES;
        if (own_context == nullptr ||
            CONF_modules_load_file_ex(own_context, nullptr, nullptr, flags) != 1 ||
            errno == ENOMEM) {
            throw_failure("libcrypto cannot be set up");
        }
        is_context_spoilt = false;
    }
    return own_context;
}

EVP_MD* sha256_algorithm() {
    return fetched<EVP_MD_fetch>(sha256, "SHA256");
}

EVP_MD_CTX* sha256_context() {
    if (sha256_digest == nullptr) {
        sha256_digest = EVP_MD_CTX_new();
        if (sha256_digest == nullptr) {
            throw_failure("a digest cannot be set up");
        }
    }
    return sha256_digest;
}

EVP_MD* sha1_algorithm() {
    return fetched<EVP_MD_fetch>(sha1, "SHA1");
}

EVP_KDF* hkdf_algorithm() {
    // HKDF fetches these two itself, each time, and would not tell that one cannot be had any more.
    sha256_algorithm();
    hmac_algorithm();
    return fetched<EVP_KDF_fetch>(hkdf, "HKDF");
}

EVP_MAC* hmac_algorithm() {
    return fetched<EVP_MAC_fetch>(hmac, "HMAC");
}

const char* prepare_signatures(Scheme scheme) {
    sha256_algorithm();
    Signatures& wanted = signatures.at(static_cast<std::size_t>(scheme));
    fetched<EVP_KEYMGMT_fetch>(wanted.keys, wanted.key_name);
    fetched<EVP_SIGNATURE_fetch>(wanted.algorithm, wanted.name);
    return wanted.key_name;
}

OSSL_PARAM octets(const char* key, Bytes bytes) noexcept {
    // libcrypto takes no null pointer, which an empty range may have.
    static constexpr std::uint8_t nothing = 0;
    const std::uint8_t* data = bytes.empty() ? &nothing : bytes.data();
    return OSSL_PARAM_construct_octet_string(key, const_cast<std::uint8_t*>(data), bytes.size());
}

} // namespace session_service::core::libcrypto
