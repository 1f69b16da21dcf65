#include "core/proof.hpp"

#include "core/crypto.hpp"
#include "failing_memory.hpp"
#include "signing.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace session_service::core {
namespace {

constexpr std::string_view rfc9449_figure_2 =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh"
    "0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8"
    "v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

constexpr std::string_view rfc9449_figure_13 =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR"
    "1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCw"
    "iYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-E"
    "y71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

TEST(Proof, TakesThePublishedProofs) {
    const auto two = Proof::parse(rfc9449_figure_2);
    ASSERT_TRUE(two);
    EXPECT_EQ(two->kind(), ProofKind::dpop);
    EXPECT_TRUE(two->is_for({.method = "POST",
                             .uri = "https://server.example.com/token",
                             .now = 1562262616 * micros_per_second,
                             .max_age = 0}));
    ASSERT_TRUE(two->key());
    EXPECT_TRUE(two->is_signed_by(*two->key()));
    EXPECT_EQ(thumbprint_of(two->key()->canonical()).view(),
              "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");

    const auto thirteen = Proof::parse(rfc9449_figure_13);
    ASSERT_TRUE(thirteen);
    EXPECT_TRUE(thirteen->is_for({.method = "GET",
                                  .uri = "https://resource.example.org/protectedresource",
                                  .now = 1562262618 * micros_per_second,
                                  .max_age = 0}));
    EXPECT_TRUE(thirteen->is_signed_by(*thirteen->key()));
    const Digest token = sha256(bytes_of("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"));
    EXPECT_EQ(test::base64url(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    EXPECT_TRUE(thirteen->is_for_token(token));
    EXPECT_FALSE(two->is_for_token(token));
}

using test::base64url;
using test::jws;
using test::signing_keys;
using test::SigningKey;

/// The members of a JSON object, with their values as they stand in its text.
class Members {
  public:
    Members(std::initializer_list<std::pair<std::string, std::string>> members)
        : members_(members) {}

    Members with(std::string_view name, std::string_view value) const {
        Members changed = without(name);
        changed.members_.emplace_back(name, value);
        return changed;
    }
    Members without(std::string_view name) const {
        Members changed = *this;
        std::erase_if(changed.members_, [&](const auto& member) { return member.first == name; });
        return changed;
    }
    /// Once more, beside what there is.
    Members twice(std::string_view name, std::string_view value) const {
        Members changed = *this;
        changed.members_.emplace_back(name, value);
        return changed;
    }
    std::string text() const {
        std::string text;
        for (const auto& [name, value] : members_) {
            text += text.empty() ? "{\"" : ",\"";
            text.append(name).append("\":").append(value);
        }
        return text.empty() ? "{}" : text + "}";
    }
    auto begin() const { return members_.begin(); }
    auto end() const { return members_.end(); }

  private:
    std::vector<std::pair<std::string, std::string>> members_;
};

std::string as_text(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

const SigningKey& signer() {
    return signing_keys().front();
}

Members dpop_header(const SigningKey& key = signer()) {
    return {{"typ", R"("dpop+jwt")"}, {"alg", as_text(key.algorithm())}, {"jwk", key.jwk()}};
}
Members dpop_payload() {
    return {{"jti", R"("an id")"},
            {"htm", R"("POST")"},
            {"htu", R"("https://server.example.com/token")"},
            {"iat", "1790000000"}};
}
Members dbsc_header(const SigningKey& key = signer()) {
    return {{"typ", R"("dbsc+jwt")"}, {"alg", as_text(key.algorithm())}};
}
Members dbsc_payload() {
    return {{"jti", R"("a challenge")"}};
}

/// A proof that is signed, whatever it says.
std::string proof(const Members& header, const Members& payload, const SigningKey& key = signer()) {
    return jws(header.text(), payload.text(), key);
}

bool is_proof(const Members& header, const Members& payload) {
    return Proof::parse(proof(header, payload)).has_value();
}

constexpr HttpRequest request{.method = "POST",
                              .uri = "https://server.example.com/token",
                              .now = 1'790'000'000 * micros_per_second,
                              .max_age = 60 * micros_per_second};

PublicKey public_key(const SigningKey& key) {
    return *PublicKey::from_jwk(*JsonObject::parse(key.jwk()));
}

// --- what is taken

TEST(Proof, IsTakenOfEachAlgorithm) {
    for (const SigningKey& key : signing_keys()) {
        const PublicKey holder = public_key(key);
        const std::string text = proof(dpop_header(key), dpop_payload(), key);
        const auto dpop = Proof::parse(text);
        ASSERT_TRUE(dpop) << key.algorithm();
        EXPECT_EQ(dpop->kind(), ProofKind::dpop);
        EXPECT_TRUE(dpop->is_for(request));
        EXPECT_EQ(dpop->challenge(), std::nullopt);
        EXPECT_EQ(dpop->key()->canonical(), holder.canonical());
        EXPECT_TRUE(dpop->is_signed_by(holder));

        const std::string registration_text =
            proof(dbsc_header(key).with("jwk", key.jwk()), dbsc_payload(), key);
        const auto registration = Proof::parse(registration_text);
        ASSERT_TRUE(registration) << key.algorithm();
        EXPECT_EQ(registration->kind(), ProofKind::dbsc);
        EXPECT_EQ(registration->challenge(), "a challenge");
        EXPECT_EQ(registration->key()->canonical(), holder.canonical());
        EXPECT_TRUE(registration->is_signed_by(holder));
        EXPECT_FALSE(registration->is_for(request));
        EXPECT_FALSE(registration->is_for_token(Digest{}));

        const std::string refresh_text = proof(dbsc_header(key), dbsc_payload(), key);
        const auto refresh = Proof::parse(refresh_text);
        ASSERT_TRUE(refresh) << key.algorithm();
        EXPECT_FALSE(refresh->key());
        EXPECT_TRUE(refresh->is_signed_by(holder));
    }
}

TEST(Proof, OfDbscHasItsKeyInTheHeaderOrInThePayload) {
    const std::string text = proof(dbsc_header(), dbsc_payload().with("key", signer().jwk()));
    const auto earlier_draft = Proof::parse(text);
    ASSERT_TRUE(earlier_draft);
    EXPECT_EQ(earlier_draft->key()->canonical(), public_key(signer()).canonical());
    EXPECT_TRUE(earlier_draft->is_signed_by(*earlier_draft->key()));
    EXPECT_FALSE(is_proof(dbsc_header().with("jwk", signer().jwk()),
                          dbsc_payload().with("key", signer().jwk())))
        << "not in both";
    EXPECT_FALSE(
        is_proof(dbsc_header().with("jwk", signer().jwk()), dbsc_payload().with("key", "null")));
}

TEST(Proof, MayHaveOtherMembers) {
    EXPECT_TRUE(
        is_proof(dpop_header().with("kid", "\"a\"").with("x5c", "[]"),
                 dpop_payload().with("key", "{}").with("sub", "1").with("cnf", R"({"jkt":"a"})")));
    EXPECT_TRUE(is_proof(dbsc_header().with("kid", "\"a\""), dbsc_payload()
                                                                 .with("aud", R"("https://h/")")
                                                                 .with("iat", "\"now\"")
                                                                 .with("htm", "1")
                                                                 .with("authorization", "\"a\"")
                                                                 .with("nonce", "[]")
                                                                 .with("ath", "1")));
}

// --- what is not

TEST(Proof, NeedsEachOfItsMembersAsAText) {
    for (const Members& changed : {dpop_payload(), dbsc_payload()}) {
        const bool is_dpop = changed.text() == dpop_payload().text();
        const Members header = is_dpop ? dpop_header() : dbsc_header();
        ASSERT_TRUE(is_proof(header, changed));
        for (const auto& [name, value] : changed) {
            EXPECT_FALSE(is_proof(header, changed.without(name))) << name;
            for (const char* other : {"null", "true", "{}", "[]", R"(["a"])", R"({"a":"b"})"}) {
                EXPECT_FALSE(is_proof(header, changed.with(name, other))) << name << " " << other;
            }
            EXPECT_EQ(is_proof(header, changed.with(name, "17")), name == "iat") << name;
            EXPECT_EQ(is_proof(header, changed.with(name, R"("17")")), name != "iat") << name;
            EXPECT_FALSE(is_proof(header, changed.twice(name, value))) << name << " twice";
        }
        EXPECT_FALSE(is_proof(header, changed.with("jti", "\"\"")));
    }
    for (const char* name : {"ath", "nonce"}) {
        EXPECT_TRUE(is_proof(dpop_header(), dpop_payload().with(name, "\"a\""))) << name;
        for (const char* other : {"null", "1", "true", "{}", R"(["a"])"}) {
            EXPECT_FALSE(is_proof(dpop_header(), dpop_payload().with(name, other)))
                << name << " " << other;
        }
    }
}

TEST(Proof, OfDpopHasAnIdOfAtMost512Bytes) {
    for (const std::size_t size :
         {std::size_t{1}, max_proof_id_length, max_proof_id_length + 1, std::size_t{4'000}}) {
        EXPECT_EQ(
            is_proof(dpop_header(), dpop_payload().with("jti", as_text(std::string(size, 'a')))),
            size <= max_proof_id_length)
            << size;
    }
    EXPECT_FALSE(
        is_proof(dpop_header(), dpop_payload().with("jti", as_text(std::string(8'000, 'a')))));
}

TEST(Proof, IsOfItsTypeAlone) {
    for (const char* type :
         {"\"JWT\"", "\"jwt\"", "\"at+jwt\"", "\"DPOP+JWT\"", "\"dpop\"", "\"dbsc\"",
          "\"dpop+jwt \"", "\" dpop+jwt\"", "\"application/dpop+jwt\"", "\"application/dbsc+jwt\"",
          "\"\"", "null", "1", R"(["dpop+jwt"])", R"(["dbsc+jwt"])"}) {
        EXPECT_FALSE(is_proof(dpop_header().with("typ", type), dpop_payload())) << type;
        EXPECT_FALSE(is_proof(dbsc_header().with("typ", type), dbsc_payload())) << type;
    }
    EXPECT_FALSE(is_proof(dpop_header().without("typ"), dpop_payload()));
    EXPECT_FALSE(is_proof(dbsc_header().without("typ"), dbsc_payload()));
    // One as the other: the claims of DPoP are missing; those of DBSC are there.
    EXPECT_FALSE(is_proof(dbsc_header().with("typ", R"("dpop+jwt")").with("jwk", signer().jwk()),
                          dbsc_payload()));
    const std::string swapped_text =
        proof(dpop_header().with("typ", R"("dbsc+jwt")"), dpop_payload());
    const auto swapped = Proof::parse(swapped_text);
    ASSERT_TRUE(swapped);
    EXPECT_EQ(swapped->kind(), ProofKind::dbsc);
    EXPECT_FALSE(swapped->is_for(request)) << "it is for no request";
    EXPECT_EQ(swapped->challenge(), "an id") << "which is no challenge of ours";
}

TEST(Proof, IsOfAKnownAlgorithmAlone) {
    for (const char* algorithm :
         {"\"none\"",   "\"None\"",  "\"NONE\"",     "\"\"",          "\"HS256\"", "\"HS384\"",
          "\"HS512\"",  "\"RS384\"", "\"RS512\"",    "\"PS256\"",     "\"ES384\"", "\"ES512\"",
          "\"ES256K\"", "\"es256\"", "\"ES256 \"",   "\"Ed25519\"",   "\"Ed448\"", "\"eddsa\"",
          "null",       "1",         R"(["ES256"])", R"({"ES256":1})"}) {
        EXPECT_FALSE(is_proof(dpop_header().with("alg", algorithm), dpop_payload())) << algorithm;
        EXPECT_FALSE(is_proof(dbsc_header().with("alg", algorithm), dbsc_payload())) << algorithm;
    }
    EXPECT_FALSE(is_proof(dpop_header().without("alg"), dpop_payload()));
    EXPECT_FALSE(is_proof(dbsc_header().without("alg"), dbsc_payload()));
    EXPECT_FALSE(
        is_proof(dbsc_header().with("alg", "\"none\"").twice("alg", "\"ES256\""), dbsc_payload()));
}

// The classic: the public key, which all know, as the secret of an HMAC.
TEST(Proof, IsNoHmacUnderThePublicKey) {
    const std::string header = dpop_header().with("alg", "\"HS256\"").text();
    const std::string input = base64url(header) + "." + base64url(dpop_payload().text());
    const std::string text =
        input + "." +
        base64url(hmac_sha256(bytes_of(public_key(signer()).canonical()), bytes_of(input)));
    EXPECT_FALSE(Proof::parse(text));
    // Nor where it says that it is something else.
    const std::string other_input =
        base64url(dpop_header().text()) + "." + base64url(dpop_payload().text());
    const std::string code =
        base64url(hmac_sha256(bytes_of(public_key(signer()).canonical()), bytes_of(other_input)));
    const std::string other_text = other_input + "." + code;
    const auto other = Proof::parse(other_text);
    ASSERT_TRUE(other);
    EXPECT_FALSE(other->is_signed_by(*other->key()));
}

TEST(Proof, OfAnAlgorithmThatItsKeyIsNotForIsNone) {
    for (const SigningKey& key : signing_keys()) {
        for (const SigningKey& other : signing_keys()) {
            const bool fits = &key == &other;
            EXPECT_EQ(is_proof(dpop_header(key).with("jwk", other.jwk()), dpop_payload()), fits);
            EXPECT_EQ(is_proof(dbsc_header(key).with("jwk", other.jwk()), dbsc_payload()), fits);
            EXPECT_EQ(is_proof(dbsc_header(key), dbsc_payload().with("key", other.jwk())), fits);
            // A key that is known from before.
            const std::string text = proof(dbsc_header(other), dbsc_payload(), key);
            const auto refresh = Proof::parse(text);
            ASSERT_TRUE(refresh);
            EXPECT_EQ(refresh->is_signed_by(public_key(key)), fits)
                << "signed, but as another algorithm";
        }
    }
}

TEST(Proof, WithAKeyThatIsNoGoodKeyIsNone) {
    const std::string good = signer().jwk();
    const std::string inner = good.substr(0, good.size() - 1);
    for (const std::string& key :
         {std::string("null"), std::string("{}"), std::string("[]"), std::string("\"a\""),
          std::string("1"), as_text(base64url(good)), "[" + good + "]", inner + R"(,"d":"AQAB"})",
          inner + R"(,"k":"AQAB"})", inner + R"(,"use":"enc"})", inner + R"(,"alg":"ES384"})",
          inner + R"(,"alg":"none"})", inner + R"(,"kty":"EC"})", inner + R"(,"x":"AAAA"})",
          std::string(R"({"keys":[)") + good + "]}", std::string(R"({"jwk":)") + good + "}",
          std::string(R"({"kty":"EC"})")}) {
        EXPECT_FALSE(is_proof(dpop_header().with("jwk", key), dpop_payload())) << key;
        EXPECT_FALSE(is_proof(dbsc_header().with("jwk", key), dbsc_payload())) << key;
        EXPECT_FALSE(is_proof(dbsc_header(), dbsc_payload().with("key", key))) << key;
    }
    EXPECT_TRUE(is_proof(dpop_header().with("jwk", inner + R"(,"use":"sig","alg":"ES256"})"),
                         dpop_payload()));
    EXPECT_FALSE(is_proof(dpop_header().without("jwk"), dpop_payload())) << "DPoP has it always";
    EXPECT_FALSE(is_proof(dpop_header().without("jwk"), dpop_payload().with("key", good)));
    EXPECT_FALSE(is_proof(dpop_header().twice("jwk", good), dpop_payload()));
    // Elsewhere is no key.
    for (const char* name : {"JWK", "jku", "kid", "x5u", "x5c"}) {
        EXPECT_FALSE(is_proof(dpop_header().without("jwk").with(name, good), dpop_payload()))
            << name;
    }
}

TEST(Proof, IsOneCompactJws) {
    const std::string good = proof(dpop_header(), dpop_payload());
    ASSERT_TRUE(Proof::parse(good));
    const std::vector<std::string> no_proofs{"",
                                             good + "," + good,
                                             good + ", " + good,
                                             good + " ",
                                             " " + good,
                                             good + "=",
                                             good + "\n",
                                             "DPoP " + good,
                                             "\"" + good + "\"",
                                             good + "." + good,
                                             good.substr(0, good.rfind('.')),
                                             good.substr(0, good.rfind('.') + 1),
                                             R"({"payload":"e30","signatures":[]})"};
    for (const std::string& text : no_proofs) {
        EXPECT_FALSE(Proof::parse(text)) << text;
    }
    EXPECT_FALSE(is_proof(dpop_header().with("crit", "[]"), dpop_payload()));
    EXPECT_FALSE(
        is_proof(dbsc_header().with("crit", R"(["b64"])").with("b64", "false"), dbsc_payload()));
    EXPECT_FALSE(is_proof(dpop_header(),
                          dpop_payload().with("a", as_text(std::string(max_jws_length, 'a')))));
    EXPECT_FALSE(is_proof(dpop_header(), dpop_payload().with("a", std::string(3'000, '[') +
                                                                      std::string(3'000, ']'))));
    EXPECT_FALSE(is_proof(dbsc_header(), dbsc_payload().with("a", R"({"b":1,"b":2})")));
}

// --- what it is for

/// Whether a DPoP proof with this claim is for this request.
bool is_for(std::string_view name, std::string_view value, const HttpRequest& wanted = request) {
    const std::string text = proof(dpop_header(), dpop_payload().with(name, value));
    const auto parsed = Proof::parse(text);
    EXPECT_TRUE(parsed) << value;
    return parsed && parsed->is_for(wanted);
}

HttpRequest with_uri(std::string_view uri) {
    HttpRequest changed = request;
    changed.uri = uri;
    return changed;
}

TEST(Proof, IsForOneMethod) {
    EXPECT_TRUE(is_for("htm", "\"POST\""));
    for (const char* method :
         {"\"post\"", "\"Post\"", "\"GET\"", "\"PUT\"", "\"POST \"", "\" POST\"", "\"POS\"",
          "\"POSTS\"", "\"\"", "\"*\"", "\"GET,POST\"", "\"POST\\n\""}) {
        EXPECT_FALSE(is_for("htm", method)) << method;
    }
    HttpRequest other = request;
    other.method = "";
    EXPECT_FALSE(is_for("htm", "\"POST\"", other));
    other.method = "PROPFIND";
    EXPECT_TRUE(is_for("htm", "\"PROPFIND\"", other));
}

TEST(Proof, IsForOneUriHoweverItIsWritten) {
    for (const char* uri :
         {"https://server.example.com/token", "HTTPS://Server.Example.COM/token",
          "https://server.example.com:443/token", "https://server.example.com/a/../%74oken",
          "https://server.example.com/token?a=b", "https://server.example.com/token#c"}) {
        EXPECT_TRUE(is_for("htu", as_text(uri))) << uri;
        EXPECT_TRUE(is_for("iat", "1790000000", with_uri(uri))) << uri;
    }
    for (const char* uri :
         {"http://server.example.com/token", "https://server.example.com:8443/token",
          "https://server.example.com/token/", "https://server.example.com/Token",
          "https://server.example.com/", "https://example.com/token", "/token", "", "*",
          "https://server.example.com@other.example/token", "https://u@server.example.com/token",
          "https://server.example.com/token%20", "https://server.example.com/token b"}) {
        EXPECT_FALSE(is_for("htu", as_text(uri))) << uri;
        EXPECT_FALSE(is_for("iat", "1790000000", with_uri(uri))) << uri;
    }
    // Two of which neither can be read are not the same.
    const std::string text = proof(dpop_header(), dpop_payload().with("htu", as_text("/token")));
    EXPECT_FALSE(Proof::parse(text)->is_for(with_uri("/token")));
}

TEST(Proof, IsForItsTimeAndNearIt) {
    for (const char* time :
         {"1790000000", "1790000060", "1789999940", "1790000059.999999", "1789999940.000001",
          "1790000000.5", "1.79e9", "1.79E+9", "1790000000.0"}) {
        EXPECT_TRUE(is_for("iat", time)) << time;
    }
    for (const char* time : {"1790000061",
                             "1789999939",
                             "1790000060.000001",
                             "1789999939.999999",
                             "0",
                             "-0",
                             "-1790000000",
                             "1790000000000",
                             "1790000000000000",
                             "9223372036854775807",
                             "9223372036854775808",
                             "-9223372036854775808",
                             "-9223372036854775809",
                             "18446744073709551615",
                             "18446744073709551616",
                             "9223372036854.775807",
                             "1e300",
                             "-1e300",
                             "1e308",
                             "-1e308",
                             "1.7976931348623157e308",
                             "1e-300",
                             "100000000000000000000000000000000000000000"}) {
        EXPECT_FALSE(is_for("iat", time)) << time;
    }

    HttpRequest exact = request;
    exact.max_age = 0;
    EXPECT_TRUE(is_for("iat", "1790000000", exact));
    EXPECT_FALSE(is_for("iat", "1790000000.000001", exact));
    exact.max_age = -1;
    EXPECT_FALSE(is_for("iat", "1790000000", exact));
    // Moments at the ends of what there is.
    for (const Micros now : {never, std::numeric_limits<Micros>::min(), Micros{0}}) {
        HttpRequest odd = request;
        odd.now = now;
        EXPECT_FALSE(is_for("iat", "1790000000", odd)) << now;
    }
    HttpRequest any = request;
    any.max_age = never;
    EXPECT_TRUE(is_for("iat", "0", any));
    EXPECT_FALSE(is_for("iat", "1e300", any));
}

TEST(Proof, IsForOneToken) {
    const Digest token = sha256(bytes_of("a token"));
    const std::string hash = base64url(token);
    const auto is_for_token = [&](const Members& payload) {
        const std::string text = proof(dpop_header(), payload);
        const auto parsed = Proof::parse(text);
        return parsed && parsed->is_for_token(token);
    };
    EXPECT_TRUE(is_for_token(dpop_payload().with("ath", as_text(hash))));
    EXPECT_FALSE(is_for_token(dpop_payload()));
    EXPECT_FALSE(is_for_token(dbsc_payload().with("ath", as_text(hash))));
    for (const std::string& other :
         {std::string(), hash + "=", hash + "A", " " + hash, hash.substr(1), hash.substr(0, 42),
          std::string("a token"), base64url(sha256(bytes_of("another token")))}) {
        EXPECT_FALSE(is_for_token(dpop_payload().with("ath", as_text(other)))) << other;
    }
}

TEST(Proof, TellsTheNonce) {
    const std::string text = proof(dpop_header(), dpop_payload().with("nonce", R"("a nonce")"));
    const auto parsed = Proof::parse(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->challenge(), "a nonce");
}

TEST(Proof, IsSignedByTheHolderAsItStands) {
    for (const SigningKey& key : signing_keys()) {
        const PublicKey holder = public_key(key);
        const std::string good = proof(dpop_header(key), dpop_payload(), key);
        // Another payload, of another proof that the same key signed.
        const std::string other =
            proof(dpop_header(key), dpop_payload().with("jti", "\"other\""), key);
        const std::string mixed = other.substr(0, other.rfind('.')) + good.substr(good.rfind('.'));
        const auto parsed = Proof::parse(mixed);
        ASSERT_TRUE(parsed);
        EXPECT_FALSE(parsed->is_signed_by(holder));
        // The same in JSON, and not in bytes.
        const std::string spaced =
            base64url(dpop_header(key).text() + " ") + good.substr(good.find('.'));
        const auto parsed_spaced = Proof::parse(spaced);
        ASSERT_TRUE(parsed_spaced);
        EXPECT_FALSE(parsed_spaced->is_signed_by(holder));
        // By another, whose key it carries.
        const SigningKey& thief =
            &key == signing_keys().data() ? signing_keys()[2] : signing_keys()[0];
        const std::string stolen = proof(dpop_header(thief), dpop_payload(), thief);
        const auto parsed_stolen = Proof::parse(stolen);
        ASSERT_TRUE(parsed_stolen);
        EXPECT_TRUE(parsed_stolen->is_signed_by(*parsed_stolen->key()));
        EXPECT_FALSE(parsed_stolen->is_signed_by(holder));
    }
}

TEST(Proof, WithoutMemoryThrowsBadAllocAndIsTakenTheNextTime) {
    const HttpRequest of_figure_2{.method = "POST",
                                  .uri = "HTTPS://server.example.com/%74oken/a/%2e%2E?b",
                                  .now = 1562262616 * micros_per_second,
                                  .max_age = 0};
    const auto check = [&] {
        const auto two = Proof::parse(rfc9449_figure_2);
        HttpRequest other = of_figure_2;
        other.uri = "https://server.example.com/token";
        EXPECT_TRUE(two && two->is_for(other) && !two->is_for(of_figure_2) &&
                    two->is_signed_by(*two->key()));
    };
    EXPECT_GT(test::failures_without_memory(check), 100);
}

} // namespace
} // namespace session_service::core
