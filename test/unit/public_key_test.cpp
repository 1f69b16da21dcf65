#include "core/public_key.hpp"

#include "core/crypto.hpp"
#include "signing.hpp"

#include <gtest/gtest.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

namespace session_service::core {
namespace {

using test::base64url;
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
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d)"
    R"(4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-U)"
    R"(To7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk)"
    R"(2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})";
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
    EXPECT_EQ(
        thumbprint(
            R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc)"
            R"(_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAta)"
            R"(Sqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniI)"
            R"(qbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})"),
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

} // namespace
} // namespace session_service::core
