// DPoP proofs (RFC 9449) as a client signs them, with a key of its own.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>

namespace bench {

/// A P-256 key that signs proofs (ES256).
class ProofKey {
  public:
    ProofKey();

    /// A proof for a request: its access token is `token`, or none where that is empty.
    std::string proof(const std::string& method, const std::string& uri,
                      const std::string& token) const;

  private:
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::string jwk_;
};

} // namespace bench
