#include "core/proof.hpp"

#include "core/crypto.hpp"
#include "signing.hpp"

#include <gtest/gtest.h>

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

} // namespace
} // namespace session_service::core
