#include "core/token.hpp"

#include "core/base64url.hpp"
#include "core/crc32c.hpp"

#include <algorithm>
#include <cassert>

namespace session_service::core {
namespace {

constexpr std::uint8_t token_version = 1;
constexpr std::size_t checksum_length = sizeof(std::uint32_t);

/// The bytes of a token beside its secret.
constexpr std::size_t overhead_of(TokenKind kind) noexcept {
    const std::size_t family = kind == TokenKind::refresh ? sizeof(FamilyKey) : 0;
    return sizeof(token_version) + sizeof(Uuid) + family + checksum_length;
}

constexpr std::size_t max_payload_length = overhead_of(TokenKind::refresh) + max_secret_length;
constexpr std::size_t min_token_length =
    token_prefix_length + base64url_length(overhead_of(TokenKind::session) + min_secret_length);

static_assert(session_token_prefix.size() == token_prefix_length);
static_assert(refresh_token_prefix.size() == token_prefix_length);
static_assert(token_prefix_length + base64url_length(max_payload_length) <= max_token_length);

/// A token before its text: the prefix as it is, followed by the bytes that base64url encodes.
/// The checksum covers both, so they lie together.
class TokenBytes {
  public:
    explicit TokenBytes(std::string_view prefix) noexcept { append(bytes_of(prefix)); }

    void append(Bytes bytes) noexcept {
        std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(end_));
        end_ += bytes.size();
    }

    /// Where the payload may be written by others, who then tell its length.
    MutableBytes payload_space() noexcept {
        return MutableBytes(bytes_).subspan(token_prefix_length);
    }
    void set_payload_length(std::size_t length) noexcept { end_ = token_prefix_length + length; }

    Bytes all() const noexcept { return Bytes(bytes_).first(end_); }
    Bytes payload() const noexcept { return all().subspan(token_prefix_length); }

  private:
    std::array<std::uint8_t, token_prefix_length + max_payload_length> bytes_{};
    std::size_t end_ = 0;
};

std::array<std::uint8_t, checksum_length> checksum_of(Bytes bytes) noexcept {
    const std::uint32_t checksum = crc32c(bytes);
    return {static_cast<std::uint8_t>(checksum >> 24), static_cast<std::uint8_t>(checksum >> 16),
            static_cast<std::uint8_t>(checksum >> 8), static_cast<std::uint8_t>(checksum)};
}

/// Hands out a token's fields from front to back.
class FieldReader {
  public:
    explicit FieldReader(Bytes bytes) noexcept : rest_(bytes) {}

    void read(MutableBytes field) noexcept {
        std::copy_n(rest_.begin(), field.size(), field.begin());
        rest_ = rest_.subspan(field.size());
    }

  private:
    Bytes rest_;
};

TokenText format_token(std::string_view prefix, const Uuid& session_id, Bytes family_key,
                       const Secret& secret) noexcept {
    assert(secret.length >= min_secret_length && secret.length <= max_secret_length);
    TokenBytes bytes(prefix);
    bytes.append({&token_version, 1});
    bytes.append(session_id);
    bytes.append(family_key);
    bytes.append(secret.view());
    bytes.append(checksum_of(bytes.all()));

    TokenText text;
    std::copy(prefix.begin(), prefix.end(), text.chars.begin());
    text.length =
        token_prefix_length +
        base64url_encode(bytes.payload(), std::next(text.chars.data(), token_prefix_length));
    return text;
}

} // namespace

bool has_token_prefix(std::string_view text) noexcept {
    return text.starts_with(session_token_prefix) || text.starts_with(refresh_token_prefix);
}

std::optional<ParsedToken> parse_token(std::string_view text) noexcept {
    if (text.size() < min_token_length || text.size() > max_token_length ||
        !has_token_prefix(text)) {
        return std::nullopt;
    }
    ParsedToken token;
    token.kind = text.starts_with(refresh_token_prefix) ? TokenKind::refresh : TokenKind::session;

    TokenBytes bytes(text.substr(0, token_prefix_length));
    const std::optional<std::size_t> length =
        base64url_decode(text.substr(token_prefix_length), bytes.payload_space());
    const std::size_t overhead = overhead_of(token.kind);
    if (!length || *length < overhead + min_secret_length ||
        *length > overhead + max_secret_length) {
        return std::nullopt;
    }
    bytes.set_payload_length(*length);
    token.secret.length = *length - overhead;

    const Bytes covered = bytes.all().first(bytes.all().size() - checksum_length);
    const Bytes checksum = bytes.all().last(checksum_length);
    if (bytes.payload().front() != token_version ||
        !std::ranges::equal(checksum_of(covered), checksum)) {
        return std::nullopt;
    }

    FieldReader fields(bytes.payload().subspan(sizeof(token_version)));
    fields.read(token.session_id);
    if (token.kind == TokenKind::refresh) {
        fields.read(token.family_key);
    }
    fields.read(token.secret.view());
    return token;
}

TokenText format_session_token(const Uuid& session_id, const Secret& secret) noexcept {
    return format_token(session_token_prefix, session_id, {}, secret);
}

TokenText format_refresh_token(const Uuid& session_id, const FamilyKey& family_key,
                               const Secret& secret) noexcept {
    return format_token(refresh_token_prefix, session_id, family_key, secret);
}

} // namespace session_service::core
