#include "core/crypto.hpp"

#include <cerrno>
#include <memory>
#include <new>
#include <string>

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace session_service::core {
namespace {

// Fetching an algorithm costs more than a short digest, so what was fetched is kept for the life of
// the process. Plain pointers: a failed fetch leaves them null and the next call tries again, and a
// fork inherits them as they are. A backend has one thread.
EVP_MD* sha256_algorithm = nullptr;
EVP_MD* sha1_algorithm = nullptr;
EVP_MD_CTX* sha256_context = nullptr;
EVP_KDF* hkdf_algorithm = nullptr;
EVP_MAC* hmac_algorithm = nullptr; // never used itself

// Where the algorithms come from: null is libcrypto's default. It keeps what it could not find for
// want of memory as something that does not exist, so after a failed fetch all are fetched anew in
// a library context of our own, which knows nothing yet.
OSSL_LIB_CTX* library_context = nullptr;
bool is_library_context_spoilt = false;

void forget_algorithms() noexcept {
    EVP_MD_CTX_free(sha256_context);
    sha256_context = nullptr;
    EVP_MD_free(sha256_algorithm);
    sha256_algorithm = nullptr;
    EVP_MD_free(sha1_algorithm);
    sha1_algorithm = nullptr;
    EVP_KDF_free(hkdf_algorithm);
    hkdf_algorithm = nullptr;
    EVP_MAC_free(hmac_algorithm);
    hmac_algorithm = nullptr;
    is_library_context_spoilt = true;
}

/// Whether libcrypto failed for want of memory. Its report tells that from the rest, but not
/// everywhere: some of its constructors report only that they failed. So errno, which malloc sets,
/// is asked as well; whoever calls libcrypto sets it to 0 before. The report is taken away, since
/// the server's TLS shares the queue it lies in.
bool was_out_of_memory() noexcept {
    bool out_of_memory = errno == ENOMEM;
    while (const unsigned long error = ERR_get_error()) {
        out_of_memory = out_of_memory || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    }
    return out_of_memory;
}

[[noreturn]] void throw_error(bool out_of_memory, const std::string& what) {
    if (out_of_memory) {
        throw std::bad_alloc();
    }
    throw CryptoError(what);
}

/// Throws for a failure of libcrypto.
[[noreturn]] void throw_failure(const char* what) {
    throw_error(was_out_of_memory(), what);
}

/// Throws where an algorithm could not be fetched. One that a context of our own does not have
/// either, and not for want of memory, is not asked for in yet another.
[[noreturn]] void throw_unavailable(const char* name) {
    const bool out_of_memory = was_out_of_memory();
    if (out_of_memory || library_context == nullptr) {
        forget_algorithms();
    }
    throw_error(out_of_memory, std::string(name) + " is not available");
}

/// The context to fetch from; null is the default one.
OSSL_LIB_CTX* fresh_library_context() {
    if (is_library_context_spoilt) {
        errno = 0;
        OSSL_LIB_CTX_free(library_context);
        library_context = OSSL_LIB_CTX_new();
        // Configured as libcrypto configures the default one, so that what the system prescribes
        // holds there as well.
        constexpr unsigned long flags = CONF_MFLAGS_DEFAULT_SECTION |
                                        CONF_MFLAGS_IGNORE_MISSING_FILE |
                                        CONF_MFLAGS_IGNORE_RETURN_CODES;
        if (library_context == nullptr ||
            CONF_modules_load_file_ex(library_context, nullptr, nullptr, flags) != 1 ||
            errno == ENOMEM) {
            throw_failure("libcrypto cannot be set up");
        }
        is_library_context_spoilt = false;
    }
    return library_context;
}

/// Fetches an algorithm once, with `fetch` of its kind.
template <auto fetch, typename Algorithm>
void prepare(Algorithm*& algorithm, const char* name) {
    if (algorithm == nullptr) {
        algorithm = fetch(fresh_library_context(), name, nullptr);
        if (algorithm == nullptr) {
            throw_unavailable(name);
        }
    }
}

void prepare_sha256() {
    prepare<EVP_MD_fetch>(sha256_algorithm, "SHA256");
    if (sha256_context == nullptr) {
        sha256_context = EVP_MD_CTX_new();
        if (sha256_context == nullptr) {
            throw_failure("a digest cannot be set up");
        }
    }
}

struct DigestContextDeleter {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, DigestContextDeleter>;

struct KdfContextDeleter {
    void operator()(EVP_KDF_CTX* context) const noexcept { EVP_KDF_CTX_free(context); }
};
using KdfContext = std::unique_ptr<EVP_KDF_CTX, KdfContextDeleter>;

KdfContext new_hkdf_context() {
    // HKDF fetches these two itself, each time, and would not tell that one cannot be had any more.
    prepare<EVP_MD_fetch>(sha256_algorithm, "SHA256");
    prepare<EVP_MAC_fetch>(hmac_algorithm, "HMAC");
    prepare<EVP_KDF_fetch>(hkdf_algorithm, "HKDF");
    KdfContext context(EVP_KDF_CTX_new(hkdf_algorithm));
    if (context == nullptr) {
        throw_failure("HKDF cannot be set up");
    }
    return context;
}

/// A parameter that libcrypto only reads, though its type cannot say so. It takes no null pointer,
/// which an empty range may have.
OSSL_PARAM octets(const char* key, Bytes bytes) noexcept {
    static constexpr std::uint8_t nothing = 0;
    const std::uint8_t* data = bytes.empty() ? &nothing : bytes.data();
    return OSSL_PARAM_construct_octet_string(key, const_cast<std::uint8_t*>(data), bytes.size());
}

} // namespace

Digest sha256(Bytes data) {
    errno = 0;
    prepare_sha256();
    Digest digest;
    if (EVP_DigestInit_ex2(sha256_context, sha256_algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(sha256_context, data.data(), data.size()) != 1 ||
        EVP_DigestFinal_ex(sha256_context, digest.data(), nullptr) != 1) {
        throw_failure("SHA-256 failed");
    }
    return digest;
}

std::array<std::uint8_t, 20> sha1_of(Bytes first, Bytes second) {
    errno = 0;
    prepare<EVP_MD_fetch>(sha1_algorithm, "SHA1");
    const DigestContext context(EVP_MD_CTX_new());
    if (context == nullptr) {
        throw_failure("a digest cannot be set up");
    }
    std::array<std::uint8_t, 20> digest{};
    if (EVP_DigestInit_ex2(context.get(), sha1_algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
        EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
        throw_failure("SHA-1 failed");
    }
    return digest;
}

void hkdf_sha256(Bytes key_material, Bytes salt, std::string_view info, MutableBytes out) {
    errno = 0;
    const KdfContext context = new_hkdf_context();
    std::array<char, 7> digest_name{"SHA256"};
    const std::array<OSSL_PARAM, 5> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name.data(), 0),
        octets(OSSL_KDF_PARAM_KEY, key_material),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, bytes_of(info)),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()) != 1) {
        throw_failure("HKDF failed");
    }
}

bool constant_time_equal(Bytes left, Bytes right) noexcept {
    return left.size() == right.size() &&
           CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace session_service::core
