#include "core/public_key.hpp"

#include "failing_memory.hpp"
#include "hex.hpp"
#include "signing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

namespace session_service::core {
namespace {

using test::base64url;
using test::signing_keys;
using test::SigningKey;

std::optional<PublicKey> key_of(std::string_view jwk) {
    const auto object = JsonObject::parse(jwk);
    return object ? PublicKey::from_jwk(*object) : std::nullopt;
}

std::vector<std::uint8_t> decoded(std::string_view text) {
    std::vector<std::uint8_t> bytes(text.size());
    const auto size = base64url_decode(text, bytes);
    EXPECT_TRUE(size) << text;
    bytes.resize(size.value_or(0));
    return bytes;
}

/// Whether it verifies, with the queue that TLS shares left empty.
bool verifies(const PublicKey& key, std::string_view input, Bytes signature) {
    const bool verified = key.verify(bytes_of(input), signature);
    EXPECT_EQ(ERR_peek_error(), 0UL);
    return verified;
}

/// A JWS of any payload, against a key.
bool verifies(std::string_view jwk, std::string_view jws) {
    const auto key = key_of(jwk);
    EXPECT_TRUE(key) << jwk;
    const std::size_t end = jws.rfind('.');
    return key && verifies(*key, jws.substr(0, end), decoded(jws.substr(end + 1)));
}

// --- published vectors

// RFC 7515, appendix A.2, of which one member is the public exponent.
constexpr std::string_view rfc7515_rsa =
    R"({"kty":"RSA","n":")"
    R"(ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1)"
    R"(Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpa)"
    R"(SHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4)"
    R"(LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ)"
    R"(","e":"AQAB"})";
constexpr std::string_view rfc7515_payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0d"
                                             "HA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

TEST(PublicKey, VerifiesThePublishedSignatures) {
    const std::string a2 = "eyJhbGciOiJSUzI1NiJ9." + std::string(rfc7515_payload) +
                           ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
                           "dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
                           "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                           "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L"
                           "07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
                           "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUi"
                           "pUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    EXPECT_TRUE(verifies(rfc7515_rsa, a2)) << "RFC 7515, A.2";

    const std::string a3 =
        "eyJhbGciOiJFUzI1NiJ9." + std::string(rfc7515_payload) +
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    EXPECT_TRUE(
        verifies(R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                 R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
                 a3))
        << "RFC 7515, A.3";

    EXPECT_TRUE(verifies(
        R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
        "09PGcvMg"
        "3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"))
        << "RFC 8037, A.4";
}

std::string thumbprint(std::string_view jwk) {
    const auto key = key_of(jwk);
    EXPECT_TRUE(key) << jwk;
    return key ? std::string(thumbprint_of(key->canonical()).view()) : "";
}

TEST(PublicKey, GivesThePublishedThumbprints) {
    EXPECT_EQ(thumbprint(R"({"kty":"RSA","n":")"
                         R"(0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK)"
                         R"(7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yB)"
                         R"(XArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb)"
                         R"(9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f)"
                         R"(M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw)"
                         R"(","e":"AQAB","alg":"RS256","kid":"2011-04-29"})"),
              "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        << "RFC 7638, 3.1";
    EXPECT_EQ(
        thumbprint(
            R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        << "RFC 8037, A.3";
    EXPECT_EQ(thumbprint(R"({"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",)"
                         R"("y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"})"),
              "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
        << "RFC 9449, 6.1";
}

// --- reading a JWK

constexpr std::string_view p256_x = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
constexpr std::string_view p256_y = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA";
constexpr std::string_view ed25519_x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

using Members = std::vector<std::pair<std::string, std::string>>;

/// A JWK of these members, whose values are texts.
std::string jwk_of(const Members& members, const std::string& more = "") {
    std::string text;
    for (const auto& [name, value] : members) {
        text += text.empty() ? "{\"" : ",\"";
        text.append(name).append(R"(":")").append(value).append("\"");
    }
    return text + more + "}";
}

Members p256() {
    return {
        {"kty", "EC"}, {"crv", "P-256"}, {"x", std::string(p256_x)}, {"y", std::string(p256_y)}};
}

Members ed25519() {
    return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", std::string(ed25519_x)}};
}

/// Numbers that no one has the factors of, which is not looked at.
std::vector<std::uint8_t> odd_number(std::size_t bits) {
    std::vector<std::uint8_t> bytes((bits + 7) / 8, 0x55);
    bytes.front() = static_cast<std::uint8_t>(1U << ((bits - 1) % 8));
    return bytes;
}

Members rsa(Bytes modulus, Bytes exponent) {
    return {{"kty", "RSA"}, {"n", base64url(modulus)}, {"e", base64url(exponent)}};
}

Members rsa() {
    return rsa(odd_number(2048), std::array<std::uint8_t, 3>{1, 0, 1});
}

Members with(Members members, std::string_view name, std::string_view value) {
    for (auto& member : members) {
        if (member.first == name) {
            member.second = value;
        }
    }
    return members;
}

Members without(Members members, std::string_view name) {
    std::erase_if(members, [&](const auto& member) { return member.first == name; });
    return members;
}

TEST(PublicKey, IsTheSameHoweverItsJwkIsWritten) {
    for (const Members& members : {p256(), ed25519(), rsa()}) {
        const auto key = key_of(jwk_of(members));
        ASSERT_TRUE(key);
        const Members reversed(members.rbegin(), members.rend());
        for (const std::string& jwk :
             {jwk_of(reversed),
              jwk_of(members, R"(,"kid":"a","use":"sig","key_ops":["verify"],"ext":true,"x5c":[])"),
              jwk_of(members, R"(,"alg":")" + std::string(key->algorithm()) + "\""),
              key->canonical()}) {
            const auto same = key_of(jwk);
            ASSERT_TRUE(same) << jwk;
            EXPECT_EQ(same->canonical(), key->canonical());
            EXPECT_EQ(same->algorithm(), key->algorithm());
        }
    }
    EXPECT_EQ(key_of(jwk_of(p256()))->canonical(), R"({"crv":"P-256","kty":"EC","x":")" +
                                                       std::string(p256_x) + R"(","y":")" +
                                                       std::string(p256_y) + "\"}");
    EXPECT_EQ(key_of(jwk_of(ed25519()))->canonical(),
              R"({"crv":"Ed25519","kty":"OKP","x":")" + std::string(ed25519_x) + "\"}");
    EXPECT_EQ(key_of(rfc7515_rsa)->canonical().substr(0, 40),
              R"({"e":"AQAB","kty":"RSA","n":"ofgWCuLjybR)");
    EXPECT_EQ(key_of(jwk_of(p256()))->algorithm(), "ES256");
    EXPECT_EQ(key_of(jwk_of(rsa()))->algorithm(), "RS256");
    EXPECT_EQ(key_of(jwk_of(ed25519()))->algorithm(), "EdDSA");
}

TEST(PublicKey, NeedsEachOfItsMembers) {
    for (const Members& members : {p256(), ed25519(), rsa()}) {
        for (const auto& [name, value] : members) {
            EXPECT_FALSE(key_of(jwk_of(without(members, name)))) << name;
            EXPECT_FALSE(key_of(jwk_of(with(members, name, "")))) << name;
            for (const char* other : {"null", "1", "true", "{}", "[]"}) {
                const std::string more = ",\"" + name + "\":" + other;
                EXPECT_FALSE(key_of(jwk_of(without(members, name), more))) << more;
            }
        }
    }
    EXPECT_FALSE(key_of("{}"));
}

TEST(PublicKey, IsNeverAPrivateOne) {
    for (const Members& members : {p256(), ed25519(), rsa()}) {
        for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
            for (const char* value : {R"("AQAB")", R"("")", "null", "[]"}) {
                const std::string more = std::string(",\"") + name + "\":" + value;
                EXPECT_FALSE(key_of(jwk_of(members, more))) << more;
            }
        }
    }
    EXPECT_FALSE(
        key_of(R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"})"));
}

TEST(PublicKey, IsForItsAlgorithmAndForSignaturesAlone) {
    for (const Members& members : {p256(), ed25519(), rsa()}) {
        const std::string own(key_of(jwk_of(members))->algorithm());
        for (const std::string algorithm :
             {"ES256", "RS256", "EdDSA", "es256", "ES384", "ES256K", "PS256", "RS512", "HS256",
              "none", "Ed25519", "ECDH-ES", ""}) {
            EXPECT_EQ(key_of(jwk_of(members, R"(,"alg":")" + algorithm + "\"")).has_value(),
                      algorithm == own)
                << algorithm;
        }
        for (const char* more :
             {R"(,"alg":null)", R"(,"alg":["ES256","RS256","EdDSA"])", R"(,"use":"enc")",
              R"(,"use":"SIG")", R"(,"use":"")", R"(,"use":null)", R"(,"use":["sig"])"}) {
            EXPECT_FALSE(key_of(jwk_of(members, more))) << more;
        }
    }
}

TEST(PublicKey, HasACurveOrATypeThatIsKnown) {
    for (const char* type : {"ec", "Ec", "RSA", "OKP", "oct", "AKP", "EC ", ""}) {
        EXPECT_FALSE(key_of(jwk_of(with(p256(), "kty", type)))) << type;
    }
    for (const char* type : {"EC", "RSA", "okp", ""}) {
        EXPECT_FALSE(key_of(jwk_of(with(ed25519(), "kty", type)))) << type;
    }
    for (const char* type : {"EC", "rsa", "OKP", ""}) {
        EXPECT_FALSE(key_of(jwk_of(with(rsa(), "kty", type)))) << type;
    }
    for (const char* curve :
         {"P-384", "P-521", "secp256k1", "p-256", "prime256v1", "Ed25519", ""}) {
        EXPECT_FALSE(key_of(jwk_of(with(p256(), "crv", curve)))) << curve;
    }
    for (const char* curve : {"Ed448", "X25519", "X448", "ed25519", "P-256", ""}) {
        EXPECT_FALSE(key_of(jwk_of(with(ed25519(), "crv", curve)))) << curve;
    }
}

TEST(PublicKey, HasCoordinatesOfTheirFullSize) {
    for (std::size_t size = 0; size <= 70; ++size) {
        const std::string coordinate = base64url(std::vector<std::uint8_t>(size, 7));
        EXPECT_EQ(key_of(jwk_of(with(p256(), "x", coordinate))).has_value(), size == 32) << size;
        EXPECT_EQ(key_of(jwk_of(with(p256(), "y", coordinate))).has_value(), size == 32) << size;
        EXPECT_EQ(key_of(jwk_of(with(ed25519(), "x", coordinate))).has_value(), size == 32) << size;
    }
}

// Else one key would have several thumbprints.
TEST(PublicKey, HasOneTextForEachNumber) {
    const auto refuses = [](const Members& members, std::string_view name,
                            const std::string& good) {
        ASSERT_TRUE(key_of(jwk_of(with(members, name, good))));
        for (const std::string& text :
             {good + "=", good + "A", good + " ", " " + good, good + "\\n",
              good.substr(0, good.size() - 1) + "+", good.substr(0, good.size() - 1) + "/"}) {
            EXPECT_FALSE(key_of(jwk_of(with(members, name, text)))) << name << ": " << text;
        }
    };
    refuses(p256(), "x", std::string(p256_x));
    refuses(p256(), "y", std::string(p256_y));
    refuses(ed25519(), "x", std::string(ed25519_x));
    refuses(rsa(), "n", base64url(odd_number(2048)));
    // 32 bytes leave two spare bits.
    EXPECT_FALSE(
        key_of(jwk_of(with(ed25519(), "x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"))));
    EXPECT_FALSE(key_of(jwk_of(with(rsa(), "e", "AQAB="))));

    std::vector<std::uint8_t> longer = odd_number(2048);
    longer.insert(longer.begin(), 0);
    EXPECT_FALSE(key_of(jwk_of(with(rsa(), "n", base64url(longer)))));
    EXPECT_FALSE(key_of(jwk_of(with(rsa(), "e", "AAEAAQ"))));
}

TEST(PublicKey, HasAnRsaModulusOf2048To4096BitsThatIsOdd) {
    constexpr std::array<std::uint8_t, 3> exponent{1, 0, 1};
    for (const std::size_t bits :
         {1U, 512U, 1024U, 2040U, 2047U, 2048U, 2049U, 3072U, 4095U, 4096U, 4097U, 8192U}) {
        EXPECT_EQ(key_of(jwk_of(rsa(odd_number(bits), exponent))).has_value(),
                  bits >= 2048 && bits <= 4096)
            << bits;
    }
    std::vector<std::uint8_t> even = odd_number(2048);
    even.back() = 0x54;
    EXPECT_FALSE(key_of(jwk_of(rsa(even, exponent))));
}

TEST(PublicKey, HasAnRsaExponentThatIsOddAndFrom65537To64Bits) {
    const auto takes = [](std::string_view exponent) {
        std::vector<std::uint8_t> bytes;
        for (std::size_t i = 0; i < exponent.size(); i += 2) {
            bytes.push_back(static_cast<std::uint8_t>(
                std::stoi(std::string(exponent.substr(i, 2)), nullptr, 16)));
        }
        return key_of(jwk_of(rsa(odd_number(2048), bytes))).has_value();
    };
    for (const char* exponent : {"", "00", "01", "03", "11", "ffff", "010000", "010002",
                                 "ffffffffffffffffff", "010000000000000001", "00010001"}) {
        EXPECT_FALSE(takes(exponent)) << exponent;
    }
    for (const char* exponent :
         {"010001", "010003", "01000001", "ffffffffffffffff", "8000000000000001"}) {
        EXPECT_TRUE(takes(exponent)) << exponent;
    }
}

// --- signatures

constexpr std::string_view message = "a text that is signed";

TEST(PublicKey, VerifiesWhatItsHolderSignedAndNothingElse) {
    for (const SigningKey& signer : signing_keys()) {
        const auto key = key_of(signer.jwk());
        ASSERT_TRUE(key);
        EXPECT_EQ(key->algorithm(), signer.algorithm());
        const std::vector<std::uint8_t> signature = signer.sign(message);
        EXPECT_TRUE(verifies(*key, message, signature)) << signer.algorithm();
        EXPECT_TRUE(verifies(*key_of(key->canonical()), message, signature));
        EXPECT_TRUE(verifies(*key, "", signer.sign("")));

        EXPECT_FALSE(verifies(*key, "another text", signature));
        EXPECT_FALSE(verifies(*key, "", signature));
        for (std::size_t i = 0; i < signature.size(); i += 5) {
            std::vector<std::uint8_t> other = signature;
            other[i] ^= 0x10;
            EXPECT_FALSE(verifies(*key, message, other)) << signer.algorithm() << " byte " << i;
        }
        for (const SigningKey& another : signing_keys()) {
            EXPECT_EQ(verifies(*key, message, another.sign(message)), &another == &signer);
        }
    }
    const SigningKey signer = SigningKey::es256();
    const SigningKey another = SigningKey::es256();
    EXPECT_FALSE(verifies(*key_of(signer.jwk()), message, another.sign(message)));
}

std::vector<std::uint8_t> joined(Bytes first, Bytes second) {
    std::vector<std::uint8_t> bytes(first.begin(), first.end());
    bytes.insert(bytes.end(), second.begin(), second.end());
    return bytes;
}

TEST(PublicKey, TakesSignaturesOfTheirOneLengthAlone) {
    for (const SigningKey& signer : signing_keys()) {
        const auto key = key_of(signer.jwk());
        const std::vector<std::uint8_t> signature = signer.sign(message);
        EXPECT_FALSE(verifies(*key, message, {}));
        EXPECT_FALSE(verifies(*key, message, Bytes(signature).first(signature.size() - 1)));
        EXPECT_FALSE(verifies(*key, message, Bytes(signature).subspan(1)));
        for (const std::size_t more : {1U, 2U, 64U}) {
            const std::vector<std::uint8_t> zeros(more);
            EXPECT_FALSE(verifies(*key, message, joined(signature, zeros))) << more;
            EXPECT_FALSE(verifies(*key, message, joined(zeros, signature))) << more;
        }
        EXPECT_FALSE(verifies(*key, message, std::vector<std::uint8_t>(100'000)));
        EXPECT_FALSE(verifies(*key, message, std::vector<std::uint8_t>(signature.size())));
        EXPECT_FALSE(verifies(*key, message, std::vector<std::uint8_t>(signature.size(), 0xff)));
    }
}

/// The order of P-256 (FIPS 186-4, D.1.2.3), and its prime.
std::vector<std::uint8_t> p256_order() {
    return test::from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
}
std::vector<std::uint8_t> p256_prime() {
    return test::from_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
}

/// The difference of two numbers of the same size.
std::vector<std::uint8_t> minus(std::vector<std::uint8_t> left, Bytes right) {
    int borrowed = 0;
    for (std::size_t i = left.size(); i-- > 0;) {
        const int digit = left[i] - right[i] - borrowed;
        borrowed = digit < 0 ? 1 : 0;
        left[i] = static_cast<std::uint8_t>(digit);
    }
    return left;
}

TEST(PublicKey, OfP256RefusesNumbersOutOfRange) {
    const SigningKey& signer = signing_keys().front();
    const auto key = key_of(signer.jwk());
    const std::vector<std::uint8_t> signature = signer.sign(message);
    const Bytes r = Bytes(signature).first(32);
    const Bytes s = Bytes(signature).last(32);
    const std::vector<std::uint8_t> zero(32);
    for (const std::vector<std::uint8_t>& number : {zero, p256_order()}) {
        EXPECT_FALSE(verifies(*key, message, joined(number, s)));
        EXPECT_FALSE(verifies(*key, message, joined(r, number)));
        EXPECT_FALSE(verifies(*key, message, joined(number, number)));
    }
    EXPECT_FALSE(verifies(*key, message, joined(zero, p256_order())));
    EXPECT_FALSE(verifies(*key, message, joined(p256_order(), zero)));
    EXPECT_FALSE(verifies(*key, message, joined(s, r)));
}

// (r, n - s) is a signature wherever (r, s) is one, so whoever sees a proof can make another of it,
// with other bytes. Nothing may be kept or found by the bytes of a signature.
TEST(PublicKey, OfP256TakesTheTwinOfASignature) {
    const SigningKey& signer = signing_keys().front();
    const std::vector<std::uint8_t> signature = signer.sign(message);
    const std::vector<std::uint8_t> twin =
        joined(Bytes(signature).first(32), minus(p256_order(), Bytes(signature).last(32)));
    EXPECT_NE(twin, signature);
    EXPECT_TRUE(verifies(*key_of(signer.jwk()), message, twin));
}

TEST(PublicKey, OfP256TakesNoDer) {
    const SigningKey& signer = signing_keys().front();
    const auto key = key_of(signer.jwk());
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(verifies(*key, message, signer.sign_der(message)));
    }
}

TEST(PublicKey, OffItsCurveVerifiesNothing) {
    const SigningKey& signer = signing_keys().front();
    const auto good = key_of(signer.jwk());
    const std::vector<std::uint8_t> signature = signer.sign(message);
    const auto object = JsonObject::parse(good->canonical());
    const std::string x(*object->string("x"));
    const std::string y(*object->string("y"));
    const std::vector<std::uint8_t> zero(32);
    std::vector<std::uint8_t> near = decoded(x);
    near.back() ^= 1;

    for (const auto& [other_x, other_y] : std::vector<std::pair<std::string, std::string>>{
             {y, x},
             {x, x},
             {base64url(near), y},
             {base64url(zero), base64url(zero)},
             {x, base64url(zero)},
             {base64url(p256_prime()), y},
             {base64url(std::vector<std::uint8_t>(32, 0xff)), y},
             // On the curve, but another's.
             {x, base64url(minus(p256_prime(), decoded(y)))}}) {
        const auto key = key_of(jwk_of(with(with(p256(), "x", other_x), "y", other_y)));
        ASSERT_TRUE(key) << "from_jwk does not look";
        EXPECT_FALSE(verifies(*key, message, signature)) << other_x << " " << other_y;
    }
    // Not the encoding of any point.
    const SigningKey& ed = signing_keys().back();
    const std::vector<std::uint8_t> ed_signature = ed.sign(message);
    for (const std::uint8_t byte : {std::uint8_t{0x02}, std::uint8_t{0xff}}) {
        std::vector<std::uint8_t> point(32, byte);
        EXPECT_FALSE(verifies(*key_of(jwk_of(with(ed25519(), "x", base64url(point)))), message,
                              ed_signature));
    }
}

// RFC 8032, section 5.1.7: S below the order, which is little-endian there.
TEST(PublicKey, OfEd25519TakesOneOfTheSignaturesThatDifferByTheOrder) {
    const SigningKey& signer = signing_keys().back();
    std::vector<std::uint8_t> signature = signer.sign(message);
    const std::vector<std::uint8_t> order =
        test::from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carried = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        const unsigned sum = signature[32 + i] + order[i] + carried;
        signature[32 + i] = static_cast<std::uint8_t>(sum);
        carried = sum >> 8;
    }
    ASSERT_EQ(carried, 0U);
    EXPECT_FALSE(verifies(*key_of(signer.jwk()), message, signature));
}

TEST(PublicKey, OfRsaTakesPkcs1WithSha256Alone) {
    const SigningKey& signer = signing_keys()[1];
    const auto key = key_of(signer.jwk());
    EXPECT_TRUE(verifies(*key, message, signer.sign_rsa(message, "SHA256", RSA_PKCS1_PADDING)));
    EXPECT_FALSE(verifies(*key, message, signer.sign_rsa(message, "SHA1", RSA_PKCS1_PADDING)));
    EXPECT_FALSE(verifies(*key, message, signer.sign_rsa(message, "SHA512", RSA_PKCS1_PADDING)));
    EXPECT_FALSE(
        verifies(*key, message, signer.sign_rsa(message, "SHA256", RSA_PKCS1_PSS_PADDING)));
}

// Made once by `openssl genrsa 4096` and `openssl dgst -sha256 -sign`: making such a key takes
// long.
TEST(PublicKey, OfRsaVerifiesWithTheLongestKey) {
    const std::string modulus =
        "6GZYdzWgyQb4ZRAhcMdr6TRvLpL-0c837Xh22mWwummJDgsWU3FdJaevQbKmLcX8j4AlyD1VyUJkMfBc2QibDE6D"
        "1TUFENKJ85by4f_QGoYNj6dkTMqP2XgWMpFRWbTkt01uLfISRxtJBdAkVsrzcbxGhIxlXJasVlGNY85HiT1DtsHB"
        "9j6btpbr_ViZh8FE4Dxbp3SaYBIXdl78e1zhX_uggRjmiSnGM0tFqCpaWZZoFLw40qyGw8ljA3wDOoUfGcMnrGnG"
        "3tktgA-sgJhZqC2RKefIjl1S3uJAm0smCH14BHnY0_HFVpqM437Zll6X37EJD22JVOVXWzOO3JhF7vkJjFYvATZR"
        "4QaG6pFAMIx3zey0HrrnaI6MgklKKYR6Cg_a34CPqMd2GVHuLCgzoeWsJTMDbZwZMjiFnDwpsF2SDZQNDYrYyTCH"
        "4HXSSbWKqAS72ulWWEUUM3tlbpckpXMfMxiCqm1BWc22CbKKLcsoqovcrf5vjyALHE-HoF6AuzskuBfuhh_J0-Oy"
        "4c__7CiKFRdXyrMcFbSg30cWLg7Ba4pIi2EV09ehwHs-dgV3htyvdP1L6G3JqP30nHpPcvxDPa-Y3AkrQc497C4Q"
        "kmz9x7D8ZGvV1QgIxzKdK5pj2SgrqA9JZ8IgjSX-89gL6bF9ePFU5xaU8bvwhMqtx70";
    const std::string signature =
        "GKy2p7kz8AA5QEjdkAteUKhmKqBdfI0WBEmJZYw7xYMEpl4cKYo-jYrVjOJSMGJfIU6hLD32NaMMNCCDmXC0Uvp8"
        "SKSL2HGYuQ2QQ-ND5_1ECDyzV-y2njTv3hckZ8qMT30AhM9nA0M2ah6szRXEkg0chaAxpiIb3Dq5RWsWYNYC4MQ5"
        "vlKVcm39y5dTkwbBJXvYgt6yoMsfyG6k-dYXqDE0EC2M_T-61NkdVr0MGqJ6NlfNnuRqDOpZkTthd5c4DGwYjkIE"
        "-1iJqt2ZW9XthYodnKubhJLb5H5ozST9pop_02uX3sNwQ4PIj9lFwPFdT_4sLY9u_XzQiCnVhxcK0NV-0bJyuK9N"
        "WhimjHYUVvezvAlm1kT2cetTsT_NaRYRffivWB7bnq3o5Dxg89FCZIfc1jPtdbBERpCRbdYXYZjHQnBkhue92TGn"
        "nmQd260_XLCLDH2rXL_t_x_r76Y1eiGgNbq7U4_K4f3fGSz0EAaQxkiTlu9iQnlTGV1U8AEcC-vBT6F2zRwUXsZC"
        "3D72yrZMNmufDTvUE-TZ1ux5_-z9Diu_e9dNeVAdVL6luME2w2P7KqO5yO-mFcC819Qsk-I7uc5l5QpvyfRGmLwx"
        "CTbRv3mjBzfWtojPywSnTR0yS82BrultcHe8IhBzJCQoVn5gvN2XMxqWBD56bbNK_Fc";
    const auto key = key_of(jwk_of(with(rsa(), "n", modulus)));
    ASSERT_TRUE(key);
    EXPECT_TRUE(verifies(*key, message, decoded(signature)));
    EXPECT_FALSE(verifies(*key, "another text", decoded(signature)));
}

TEST(PublicKey, OfRsaVerifiesWithASizeOfNoWholeBytes) {
    const SigningKey signer = SigningKey::rs256(2050);
    EXPECT_TRUE(verifies(*key_of(signer.jwk()), message, signer.sign(message)));
}

// No number that was not made as a modulus makes libcrypto run away, or fail.
TEST(PublicKey, OfRsaVerifiesNothingWithAnyOddNumber) {
    for (const std::size_t bits : {2048U, 4096U}) {
        for (const std::vector<std::uint8_t>& exponent :
             {std::vector<std::uint8_t>{1, 0, 1}, std::vector<std::uint8_t>(8, 0xff)}) {
            const auto key = key_of(jwk_of(rsa(odd_number(bits), exponent)));
            ASSERT_TRUE(key);
            std::vector<std::uint8_t> signature(bits / 8, 0x11);
            EXPECT_FALSE(verifies(*key, message, signature));
            signature.front() = 0xff;
            EXPECT_FALSE(verifies(*key, message, signature)) << "above the modulus";
        }
    }
}

TEST(PublicKey, WithoutMemoryThrowsBadAllocAndRecovers) {
    for (const SigningKey& signer : signing_keys()) {
        const auto key = key_of(signer.jwk());
        const std::vector<std::uint8_t> signature = signer.sign(message);
        const auto verify = [&] { EXPECT_TRUE(key->verify(bytes_of(message), signature)); };
        EXPECT_GT(test::failures_without_memory(verify), 10) << signer.algorithm();
    }
    // What is no for another reason is no, or not known.
    const auto off_curve = key_of(jwk_of(with(p256(), "y", p256_x)));
    const auto refuse = [&] {
        EXPECT_FALSE(off_curve->verify(bytes_of(message), std::vector<std::uint8_t>(64, 1)));
    };
    EXPECT_GT(test::failures_without_memory(refuse), 10);
}

constexpr std::string_view rfc7515_ec =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";

/// Ends the process by 0 where what libcrypto is first asked for, but for its own start, is right
/// or fails for want of memory, and is right after that.
[[noreturn]] void verify_first(long first, long how_many) {
    std::string cancel_key(16, 0);
    RAND_bytes(reinterpret_cast<std::uint8_t*>(cancel_key.data()), 16);
    const auto key = key_of(rfc7515_ec);
    const std::string input = "eyJhbGciOiJFUzI1NiJ9." + std::string(rfc7515_payload);
    const std::vector<std::uint8_t> signature = decoded(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    bool verified = true;
    const auto verify = [&] { verified = key->verify(bytes_of(input), signature); };
    const test::Outcome outcome = test::outcome_of(verify, first, how_many);
    const bool again = key->verify(bytes_of(input), signature);
    std::_Exit(outcome != test::Outcome::failed && verified && again ? 0 : 1);
}

TEST(PublicKeyDeathTest, FirstUseWithoutMemoryThrowsAndDoesNotCrash) {
    for (const long how_many : {1L, test::all}) {
        for (long first = 0; first < 1500; first += 41) {
            EXPECT_EXIT(verify_first(first, how_many), testing::ExitedWithCode(0), "")
                << "allocation " << first << ", " << how_many;
        }
    }
}

} // namespace
} // namespace session_service::core
