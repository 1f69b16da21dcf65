// Tokens as such: hashing, reading what they say of themselves, buckets and their ranges. None
// reads a table.

#include "core/crypto.hpp"
#include "core/hex.hpp"
#include "core/token.hpp"
#include "core/uuid.hpp"

#include "pg/arguments.hpp"
#include "pg/entry.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "pg/token_hash.hpp"
#include "store/buckets.hpp"

using session_service::pg::Arguments;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace store = session_service::store;

namespace {

// The session id inside a token of either kind.
std::optional<core::Uuid> session_id_of(const Arguments& arguments, int number) {
    const auto text = arguments.token(number);
    const auto token = text ? core::parse_token(*text) : std::nullopt;
    if (!token) {
        return std::nullopt;
    }
    return token->session_id;
}

// Total: what names no bucket goes where bucket 0 is.
std::uint16_t bucket_of_token(const Arguments& arguments) {
    const auto id = session_id_of(arguments, 0);
    return id ? core::bucket_of(*id) : std::uint16_t{0};
}

std::uint16_t bucket_of_session(const Arguments& arguments) {
    const auto id = arguments.optional_uuid(0);
    return id ? core::bucket_of(*id) : std::uint16_t{0};
}

std::uint16_t bucket_of_user(const Arguments& arguments) {
    const auto id = arguments.optional_uuid(0);
    return id ? core::user_bucket(*id) : std::uint16_t{0};
}

Datum bucket_datum(std::uint16_t bucket) {
    return Int16GetDatum(static_cast<std::int16_t>(bucket));
}

Datum range_datum(std::uint16_t bucket) {
    return Int32GetDatum(core::range_of(bucket));
}

} // namespace

SQL_FUNCTION(session_service_generate_token) {
    constexpr int least = core::min_secret_length;
    constexpr int most = core::max_secret_length;
    const int length =
        PG_ARGISNULL(0) ? static_cast<int>(pg::settings::token_length()) : PG_GETARG_INT32(0);
    if (length < least || length > most) {
        pg::raise_out_of_range("length", "16 to 64");
    }
    std::array<std::uint8_t, core::max_secret_length> random{};
    const core::MutableBytes bytes{random.data(), static_cast<std::size_t>(length)};
    pg::fill_random(bytes);
    std::array<char, 2 * core::max_secret_length> digits{};
    core::hex_encode(bytes, digits.data());
    return pg::text_value({digits.data(), 2 * bytes.size()}).value;
}

SQL_TOKEN_FUNCTION(session_service_hash_token) {
    core::Digest& digest = pg::new_digest();
    digest = core::sha256(core::bytes_of(pg::to_view(PG_GETARG_DATUM(0))));
    return pg::token_hash_datum(digest);
}

SQL_TOKEN_FUNCTION(session_service_token_session_id) {
    const auto id = session_id_of(Arguments{fcinfo}, 0);
    if (!id) {
        PG_RETURN_NULL();
    }
    return pg::new_uuid(*id);
}

SQL_TOKEN_FUNCTION(session_service_token_bucket) {
    return bucket_datum(bucket_of_token(Arguments{fcinfo}));
}

SQL_FUNCTION(session_service_session_bucket) {
    return bucket_datum(bucket_of_session(Arguments{fcinfo}));
}

SQL_FUNCTION(session_service_user_bucket) {
    return bucket_datum(bucket_of_user(Arguments{fcinfo}));
}

SQL_TOKEN_FUNCTION(session_service_token_range) {
    return range_datum(bucket_of_token(Arguments{fcinfo}));
}

SQL_FUNCTION(session_service_session_range) {
    return range_datum(bucket_of_session(Arguments{fcinfo}));
}

SQL_FUNCTION(session_service_user_range) {
    return range_datum(bucket_of_user(Arguments{fcinfo}));
}

SQL_FUNCTION(session_service_holds_bucket) {
    const std::int32_t bucket = PG_GETARG_INT32(0);
    PG_RETURN_BOOL(bucket >= 0 && bucket < core::bucket_count &&
                   store::is_held(static_cast<std::uint16_t>(bucket)));
}
