#include "core/crypto.hpp"

#include "core/libcrypto.hpp"

#include <cerrno>

#include <openssl/core_names.h>
#include <openssl/crypto.h>

namespace session_service::core {
namespace {

using libcrypto::octets;
using libcrypto::Owned;
using libcrypto::throw_failure;

/// The parameter that has HKDF and HMAC use SHA-256.
OSSL_PARAM digest_is_sha256(const char* key) noexcept {
    static constexpr std::array<char, 7> name{"SHA256"};
    return OSSL_PARAM_construct_utf8_string(key, const_cast<char*>(name.data()), 0);
}

} // namespace

Digest sha256(Bytes data) {
    errno = 0;
    EVP_MD* const algorithm = libcrypto::sha256_algorithm();
    EVP_MD_CTX* const context = libcrypto::sha256_context();
    Digest digest;
    if (EVP_DigestInit_ex2(context, algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(context, data.data(), data.size()) != 1 ||
        EVP_DigestFinal_ex(context, digest.data(), nullptr) != 1) {
        throw_failure("SHA-256 failed");
    }
    return digest;
}

std::array<std::uint8_t, 20> sha1_of(Bytes first, Bytes second) {
    errno = 0;
    EVP_MD* const algorithm = libcrypto::sha1_algorithm();
    const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    if (context == nullptr) {
        throw_failure("a digest cannot be set up");
    }
    std::array<std::uint8_t, 20> digest{};
    if (EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
        EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
        throw_failure("SHA-1 failed");
    }
    return digest;
}

void hkdf_sha256(Bytes key_material, Bytes salt, std::string_view info, MutableBytes out) {
    errno = 0;
    const Owned<EVP_KDF_CTX, EVP_KDF_CTX_free> context(
        EVP_KDF_CTX_new(libcrypto::hkdf_algorithm()));
    if (context == nullptr) {
        throw_failure("HKDF cannot be set up");
    }
    const std::array<OSSL_PARAM, 5> parameters{
        digest_is_sha256(OSSL_KDF_PARAM_DIGEST),
        octets(OSSL_KDF_PARAM_KEY, key_material),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, bytes_of(info)),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()) != 1) {
        throw_failure("HKDF failed");
    }
}

Digest hmac_sha256(Bytes key, Bytes data) {
    errno = 0;
    // HMAC fetches it itself as well.
    libcrypto::sha256_algorithm();
    const Owned<EVP_MAC_CTX, EVP_MAC_CTX_free> context(
        EVP_MAC_CTX_new(libcrypto::hmac_algorithm()));
    if (context == nullptr) {
        throw_failure("HMAC cannot be set up");
    }
    // Without a key pointer it would go on with the key of before.
    static constexpr std::uint8_t no_key = 0;
    const std::array<OSSL_PARAM, 2> parameters{digest_is_sha256(OSSL_MAC_PARAM_DIGEST),
                                               OSSL_PARAM_construct_end()};
    Digest code;
    std::size_t size = 0;
    if (EVP_MAC_init(context.get(), key.empty() ? &no_key : key.data(), key.size(),
                     parameters.data()) != 1 ||
        EVP_MAC_update(context.get(), data.data(), data.size()) != 1 ||
        EVP_MAC_final(context.get(), code.data(), &size, code.size()) != 1) {
        throw_failure("HMAC failed");
    }
    return code;
}

bool constant_time_equal(Bytes left, Bytes right) noexcept {
    return left.size() == right.size() &&
           CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace session_service::core
