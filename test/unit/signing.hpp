// Keys that sign, and what they sign, made anew at each run.
#pragma once

#include "core/base64url.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace session_service::test {

inline std::string base64url(core::Bytes bytes) {
    std::string text(core::base64url_length(bytes.size()), '\0');
    core::base64url_encode(bytes, text.data());
    return text;
}

inline std::string base64url(std::string_view text) {
    return base64url(core::bytes_of(text));
}

/// A key pair of one of the three algorithms.
class SigningKey {
  public:
    static SigningKey es256() {
        return {"ES256", EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
    }
    static SigningKey ed25519() {
        return {"EdDSA", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
    }
    static SigningKey rs256(std::size_t bits = 2048) {
        return {"RS256", EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)};
    }

    const std::string& algorithm() const { return algorithm_; }

    /// Its public half, as a JWK in canonical form.
    std::string jwk() const {
        if (algorithm_ == "RS256") {
            return R"({"e":")" + base64url(number(OSSL_PKEY_PARAM_RSA_E)) +
                   R"(","kty":"RSA","n":")" + base64url(number(OSSL_PKEY_PARAM_RSA_N)) + "\"}";
        }
        const std::vector<std::uint8_t> point = public_point();
        if (algorithm_ == "EdDSA") {
            return R"({"crv":"Ed25519","kty":"OKP","x":")" + base64url(point) + "\"}";
        }
        const core::Bytes coordinates = core::Bytes(point).subspan(1);
        return R"({"crv":"P-256","kty":"EC","x":")" +
               base64url(coordinates.first(coordinates.size() / 2)) + R"(","y":")" +
               base64url(coordinates.subspan(coordinates.size() / 2)) + "\"}";
    }

    /// A signature in the form of JWS.
    std::vector<std::uint8_t> sign(std::string_view text) const {
        if (algorithm_ == "ES256") {
            return r_and_s(sign_der(text));
        }
        return sign_with(text, algorithm_ == "EdDSA" ? nullptr : "SHA256", 0);
    }
    /// As ECDSA has it elsewhere.
    std::vector<std::uint8_t> sign_der(std::string_view text) const {
        return sign_with(text, "SHA256", 0);
    }
    /// As RSA has it under other names.
    std::vector<std::uint8_t> sign_rsa(std::string_view text, const char* digest,
                                       int padding) const {
        return sign_with(text, digest, padding);
    }

  private:
    SigningKey(const char* algorithm, EVP_PKEY* key)
        : algorithm_(algorithm), key_(key, EVP_PKEY_free) {
        if (key == nullptr) {
            throw std::runtime_error("cannot make a key");
        }
    }

    std::vector<std::uint8_t> sign_with(std::string_view text, const char* digest,
                                        int padding) const {
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                              EVP_MD_CTX_free);
        EVP_PKEY_CTX* settings = nullptr;
        const core::Bytes input = core::bytes_of(text);
        std::size_t size = 0;
        if (EVP_DigestSignInit_ex(context.get(), &settings, digest, nullptr, nullptr, key_.get(),
                                  nullptr) != 1 ||
            (padding != 0 && EVP_PKEY_CTX_set_rsa_padding(settings, padding) != 1) ||
            EVP_DigestSign(context.get(), nullptr, &size, input.data(), input.size()) != 1) {
            throw std::runtime_error("cannot sign");
        }
        std::vector<std::uint8_t> signature(size);
        if (EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) !=
            1) {
            throw std::runtime_error("cannot sign");
        }
        signature.resize(size);
        return signature;
    }

    std::vector<std::uint8_t> public_point() const {
        std::vector<std::uint8_t> point(200);
        std::size_t size = 0;
        if (EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                            point.size(), &size) != 1) {
            throw std::runtime_error("a key without a public half");
        }
        point.resize(size);
        return point;
    }

    std::vector<std::uint8_t> number(const char* name) const {
        BIGNUM* value = nullptr;
        if (EVP_PKEY_get_bn_param(key_.get(), name, &value) != 1) {
            throw std::runtime_error("a key without a public half");
        }
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(BN_num_bytes(value)));
        BN_bn2bin(value, bytes.data());
        BN_free(value);
        return bytes;
    }

    static std::vector<std::uint8_t> r_and_s(const std::vector<std::uint8_t>& der) {
        const std::uint8_t* at = der.data();
        const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
            d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
        std::vector<std::uint8_t> bytes(64);
        BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes.data(), 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes.data() + 32, 32);
        return bytes;
    }

    std::string algorithm_;
    std::shared_ptr<EVP_PKEY> key_;
};

/// One key of ES256, RS256 and EdDSA each. That of RSA takes long to make.
inline const std::vector<SigningKey>& signing_keys() {
    static const std::vector<SigningKey> keys{SigningKey::es256(), SigningKey::rs256(),
                                              SigningKey::ed25519()};
    return keys;
}

/// A JWS of any header and payload.
inline std::string jws(std::string_view header, std::string_view payload, const SigningKey& key) {
    const std::string input = base64url(header) + "." + base64url(payload);
    return input + "." + base64url(key.sign(input));
}

} // namespace session_service::test
