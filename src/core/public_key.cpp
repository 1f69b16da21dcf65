#include "core/public_key.hpp"

#include "core/base64url.hpp"
#include "core/crypto.hpp"
#include "core/libcrypto.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

#include <openssl/core_names.h>
#include <openssl/ec.h>

namespace session_service::core {
namespace {

using libcrypto::octets;
using libcrypto::Owned;
using OwnedKey = Owned<EVP_PKEY, EVP_PKEY_free>;

constexpr std::string_view es256 = "ES256";
constexpr std::string_view rs256 = "RS256";
constexpr std::string_view eddsa = "EdDSA";

constexpr std::size_t coordinate_size = 32; // of P-256, and a point of Ed25519
constexpr std::size_t min_modulus_bits = 2048;
constexpr std::size_t max_modulus_bits = 4096;
constexpr std::size_t max_exponent_size = 8;
constexpr std::uint64_t min_exponent = 65537;

/// Members that only private or symmetric keys have (RFC 7518, section 6).
constexpr std::array<std::string_view, 8> private_members{"d",  "p",  "q",   "dp",
                                                          "dq", "qi", "oth", "k"};

/// A member that is there, and is not this text.
bool is_other(const JsonObject& jwk, std::string_view name, std::string_view text) {
    return jwk.has(name) && jwk.string(name) != text;
}

/// A number of a JWK, as its text and its bytes.
struct Number {
    std::string_view text;
    std::vector<std::uint8_t> bytes;
};

std::optional<Number> number_of(const JsonObject& jwk, std::string_view name) {
    const std::optional<std::string_view> text = jwk.string(name);
    if (!text) {
        return std::nullopt;
    }
    std::vector<std::uint8_t> bytes(text->size());
    const std::optional<std::size_t> size = base64url_decode(*text, bytes);
    if (!size) {
        return std::nullopt;
    }
    bytes.resize(*size);
    return Number{.text = *text, .bytes = std::move(bytes)};
}

std::optional<Number> coordinate_of(const JsonObject& jwk, std::string_view name) {
    std::optional<Number> number = number_of(jwk, name);
    return number && number->bytes.size() == coordinate_size ? std::move(number) : std::nullopt;
}

/// Odd, and in the fewest octets (RFC 7518, section 2, Base64urlUInt).
bool is_odd_and_minimal(Bytes number) noexcept {
    return !number.empty() && number.front() != 0 && number.back() % 2 == 1;
}

bool is_modulus(Bytes number) noexcept {
    if (!is_odd_and_minimal(number)) {
        return false;
    }
    const std::size_t bits =
        number.size() * 8 - static_cast<std::size_t>(std::countl_zero(number.front()));
    return bits >= min_modulus_bits && bits <= max_modulus_bits;
}

bool is_exponent(Bytes number) noexcept {
    if (!is_odd_and_minimal(number) || number.size() > max_exponent_size) {
        return false;
    }
    std::uint64_t value = 0;
    for (const std::uint8_t byte : number) {
        value = value << 8 | byte;
    }
    return value >= min_exponent;
}

/// A JSON object of these members. Neither their names nor their values need an escape.
std::string
object_of(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
    std::string text;
    for (const auto& [name, value] : members) {
        text += text.empty() ? "{\"" : ",\"";
        text += name;
        text += "\":\"";
        text += value;
        text += '"';
    }
    text += '}';
    return text;
}

// --- keys and signatures of libcrypto's

/// A key of these parameters; null where there is none such, as for a point off its curve.
OwnedKey make_key(libcrypto::Scheme scheme, std::span<const OSSL_PARAM> parameters) {
    const char* const name = libcrypto::prepare_signatures(scheme);
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
        EVP_PKEY_CTX_new_from_name(libcrypto::library_context(), name, nullptr));
    if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1) {
        libcrypto::throw_failure("a key cannot be made");
    }
    EVP_PKEY* key = nullptr;
    // It takes the parameters as not const, and only reads them.
    if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY,
                          const_cast<OSSL_PARAM*>(parameters.data())) != 1) {
        libcrypto::throw_if_out_of_memory();
    }
    return OwnedKey(key);
}

OwnedKey make_p256_key(Bytes point) {
    static constexpr std::array<char, 11> name{"prime256v1"};
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(name.data()),
                                         0),
        octets(OSSL_PKEY_PARAM_PUB_KEY, point),
        OSSL_PARAM_construct_end(),
    };
    return make_key(libcrypto::Scheme::ecdsa, parameters);
}

OwnedKey make_ed25519_key(Bytes point) {
    const std::array<OSSL_PARAM, 2> parameters{octets(OSSL_PKEY_PARAM_PUB_KEY, point),
                                               OSSL_PARAM_construct_end()};
    return make_key(libcrypto::Scheme::ed25519, parameters);
}

/// The same number in the order of this machine's bytes, in which libcrypto takes it.
std::vector<std::uint8_t> native(Bytes number) {
    std::vector<std::uint8_t> bytes(number.begin(), number.end());
    if constexpr (std::endian::native == std::endian::little) {
        std::ranges::reverse(bytes);
    }
    return bytes;
}

OwnedKey make_rsa_key(Bytes modulus, Bytes exponent) {
    std::vector<std::uint8_t> n = native(modulus);
    std::vector<std::uint8_t> e = native(exponent);
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n.data(), n.size()),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e.data(), e.size()),
        OSSL_PARAM_construct_end(),
    };
    return make_key(libcrypto::Scheme::rsa, parameters);
}

/// The same signature as libcrypto takes it, in DER.
std::vector<std::uint8_t> der_of(Bytes r_and_s) {
    const Owned<ECDSA_SIG, ECDSA_SIG_free> signature(ECDSA_SIG_new());
    Owned<BIGNUM, BN_free> r(BN_bin2bn(r_and_s.data(), coordinate_size, nullptr));
    Owned<BIGNUM, BN_free> s(BN_bin2bn(r_and_s.data() + coordinate_size, coordinate_size, nullptr));
    if (signature == nullptr || r == nullptr || s == nullptr) {
        libcrypto::throw_failure("a signature cannot be read");
    }
    // It owns both from then on; it refuses only null pointers.
    ECDSA_SIG_set0(signature.get(), r.release(), s.release());
    const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
    std::vector<std::uint8_t> der(static_cast<std::size_t>(std::max(size, 0)));
    std::uint8_t* end = der.data();
    if (der.empty() || i2d_ECDSA_SIG(signature.get(), &end) != size) {
        libcrypto::throw_failure("a signature cannot be read");
    }
    return der;
}

bool verify_with(EVP_PKEY* key, std::string_view algorithm, Bytes input, Bytes signature) {
    const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    // EdDSA has its digest in itself. RSA's padding is that of PKCS #1 1.5 where nothing is said.
    const char* const digest = algorithm == eddsa ? nullptr : "SHA256";
    if (context == nullptr ||
        EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, libcrypto::library_context(),
                                nullptr, key, nullptr) != 1) {
        libcrypto::throw_failure("a signature cannot be verified");
    }
    const bool is_good = EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                          input.data(), input.size()) == 1;
    if (!is_good) {
        libcrypto::throw_if_out_of_memory();
    }
    return is_good;
}

} // namespace

std::optional<PublicKey> PublicKey::from_p256(const JsonObject& jwk) {
    const std::optional<Number> x = coordinate_of(jwk, "x");
    const std::optional<Number> y = coordinate_of(jwk, "y");
    if (jwk.string("crv") != "P-256" || !x || !y) {
        return std::nullopt;
    }
    PublicKey key;
    key.canonical_ = object_of({{"crv", "P-256"}, {"kty", "EC"}, {"x", x->text}, {"y", y->text}});
    key.algorithm_ = es256;
    key.number_ = {POINT_CONVERSION_UNCOMPRESSED};
    key.number_.insert(key.number_.end(), x->bytes.begin(), x->bytes.end());
    key.number_.insert(key.number_.end(), y->bytes.begin(), y->bytes.end());
    return key;
}

std::optional<PublicKey> PublicKey::from_rsa(const JsonObject& jwk) {
    std::optional<Number> n = number_of(jwk, "n");
    std::optional<Number> e = number_of(jwk, "e");
    if (!n || !e || !is_modulus(n->bytes) || !is_exponent(e->bytes)) {
        return std::nullopt;
    }
    PublicKey key;
    key.canonical_ = object_of({{"e", e->text}, {"kty", "RSA"}, {"n", n->text}});
    key.algorithm_ = rs256;
    key.number_ = std::move(n->bytes);
    key.exponent_ = std::move(e->bytes);
    return key;
}

std::optional<PublicKey> PublicKey::from_ed25519(const JsonObject& jwk) {
    std::optional<Number> x = coordinate_of(jwk, "x");
    if (jwk.string("crv") != "Ed25519" || !x) {
        return std::nullopt;
    }
    PublicKey key;
    key.canonical_ = object_of({{"crv", "Ed25519"}, {"kty", "OKP"}, {"x", x->text}});
    key.algorithm_ = eddsa;
    key.number_ = std::move(x->bytes);
    return key;
}

std::optional<PublicKey> PublicKey::from_jwk(const JsonObject& jwk) {
    if (std::ranges::any_of(private_members,
                            [&](std::string_view name) { return jwk.has(name); })) {
        return std::nullopt;
    }
    const std::optional<std::string_view> type = jwk.string("kty");
    std::optional<PublicKey> key;
    if (type == "EC") {
        key = from_p256(jwk);
    } else if (type == "RSA") {
        key = from_rsa(jwk);
    } else if (type == "OKP") {
        key = from_ed25519(jwk);
    }
    if (!key || is_other(jwk, "alg", key->algorithm_) || is_other(jwk, "use", "sig")) {
        return std::nullopt;
    }
    return key;
}

bool PublicKey::verify(Bytes input, Bytes signature) const {
    const std::size_t size = algorithm_ == rs256 ? number_.size() : 2 * coordinate_size;
    if (signature.size() != size) {
        return false;
    }
    const libcrypto::ReportGuard guard;
    errno = 0;
    OwnedKey key;
    if (algorithm_ == es256) {
        key = make_p256_key(number_);
    } else if (algorithm_ == rs256) {
        key = make_rsa_key(number_, exponent_);
    } else {
        key = make_ed25519_key(number_);
    }
    if (key == nullptr) {
        return false;
    }
    return algorithm_ == es256 ? verify_with(key.get(), algorithm_, input, der_of(signature))
                               : verify_with(key.get(), algorithm_, input, signature);
}

Thumbprint thumbprint_of(std::string_view canonical) {
    static_assert(base64url_length(std::tuple_size_v<Digest>) == sizeof(Thumbprint::chars));
    Thumbprint thumbprint;
    base64url_encode(sha256(bytes_of(canonical)), thumbprint.chars.data());
    return thumbprint;
}

} // namespace session_service::core
