// The type token_hash: a SHA-256 digest, 32 bytes fixed. Equal values have equal bytes, and the
// order is that of the bytes.
#include "core/hex.hpp"

#include "pg/compat.hpp"
#include "pg/entry.hpp"
#include "pg/token_hash.hpp"

extern "C" {
#include "access/detoast.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/sortsupport.h"
}

namespace {

using session_service::core::Digest;
using session_service::pg::digest_of;
using session_service::pg::new_digest;
using session_service::pg::token_hash_datum;

constexpr std::size_t digest_size = sizeof(Digest);

/// Text without the leading `\x` that a bytea in hexadecimal has.
std::string_view without_bytea_prefix(std::string_view input) noexcept {
    return input.starts_with("\\x") ? input.substr(2) : input;
}

/// A mistyped hash is nearly a hash: neither the message nor the statement may show it, nor the
/// context, which can have the parameters.
[[noreturn]] void report_wrong_size() {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
             errmsg("invalid length for type %s", "token_hash"),
             errdetail("A token_hash has 32 bytes."), errhidestmt(true), errhidecontext(true)));
    pg_unreachable();
}

int compare(Datum left, Datum right) noexcept {
    return std::memcmp(DatumGetPointer(left), DatumGetPointer(right), digest_size);
}

} // namespace

SQL_FUNCTION(token_hash_in) {
    Digest& digest = new_digest();
    if (!session_service::core::hex_decode(without_bytea_prefix(PG_GETARG_CSTRING(0)), digest)) {
        ereturn(fcinfo->context, Datum{0},
                (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                 errmsg("invalid input syntax for type %s", "token_hash"),
                 errdetail("A token_hash is written as 64 hexadecimal digits."), errhidestmt(true),
                 errhidecontext(true)));
    }
    return token_hash_datum(digest);
}

SQL_FUNCTION(token_hash_out) {
    char* digits = static_cast<char*>(palloc(2 * digest_size + 1));
    session_service::core::hex_encode(digest_of(PG_GETARG_DATUM(0)), digits);
    digits[2 * digest_size] = '\0';
    PG_RETURN_CSTRING(digits);
}

SQL_FUNCTION(token_hash_recv) {
    auto* message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    if (message->len - message->cursor != static_cast<int>(digest_size)) {
        report_wrong_size();
    }
    Digest& digest = new_digest();
    pq_copymsgbytes(message, reinterpret_cast<char*>(digest.data()), digest_size);
    return token_hash_datum(digest);
}

SQL_FUNCTION(token_hash_send) {
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendbytes(&message, DatumGetPointer(PG_GETARG_DATUM(0)), digest_size);
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/// bytea -> token_hash
SQL_FUNCTION(token_hash_from_bytea) {
    // The raw size first: a value of another length need not be fetched.
    if (toast_raw_datum_size(PG_GETARG_DATUM(0)) != digest_size + VARHDRSZ) {
        report_wrong_size();
    }
    const bytea* bytes = PG_GETARG_BYTEA_PP(0);
    Digest& digest = new_digest();
    std::memcpy(digest.data(), VARDATA_ANY(bytes), digest_size);
    return token_hash_datum(digest);
}

/// token_hash -> bytea
SQL_FUNCTION(token_hash_to_bytea) {
    auto* bytes = static_cast<bytea*>(palloc(digest_size + VARHDRSZ));
    SET_VARSIZE(bytes, digest_size + VARHDRSZ);
    std::memcpy(VARDATA(bytes), digest_of(PG_GETARG_DATUM(0)).data(), digest_size);
    PG_RETURN_BYTEA_P(bytes);
}

SQL_FUNCTION(token_hash_eq) {
    PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) == 0);
}

SQL_FUNCTION(token_hash_ne) {
    PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) != 0);
}

SQL_FUNCTION(token_hash_lt) {
    PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) < 0);
}

SQL_FUNCTION(token_hash_le) {
    PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) <= 0);
}

SQL_FUNCTION(token_hash_gt) {
    PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) > 0);
}

SQL_FUNCTION(token_hash_ge) {
    PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) >= 0);
}

SQL_FUNCTION(token_hash_cmp) {
    PG_RETURN_INT32(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

namespace {

int sort_compare(Datum left, Datum right, SortSupport /*sort*/) {
    return compare(left, right);
}

/// The leading bytes as a number that sorts as they do.
Datum abbreviate(Datum original, SortSupport /*sort*/) {
    Datum leading = 0;
    std::memcpy(&leading, DatumGetPointer(original), sizeof(leading));
    return DatumBigEndianToNative(leading);
}

/// Digests differ within their first bytes: abbreviating always pays, so nothing is estimated.
bool never_abort_abbreviation(int /*count*/, SortSupport /*sort*/) {
    return false;
}

} // namespace

SQL_FUNCTION(token_hash_sortsupport) {
    auto* sort = reinterpret_cast<SortSupport>(PG_GETARG_POINTER(0));
    sort->comparator = sort_compare;
    if (sort->abbreviate) {
        sort->comparator = ssup_datum_unsigned_cmp;
        sort->abbrev_converter = abbreviate;
        sort->abbrev_abort = never_abort_abbreviation;
        sort->abbrev_full_comparator = sort_compare;
    }
    PG_RETURN_VOID();
}

SQL_FUNCTION(token_hash_hash) {
    return hash_any(digest_of(PG_GETARG_DATUM(0)).data(), digest_size);
}

/// For hash partitioning: the values it gives may never change.
SQL_FUNCTION(token_hash_hash_extended) {
    return hash_any_extended(digest_of(PG_GETARG_DATUM(0)).data(), digest_size,
                             static_cast<uint64>(PG_GETARG_INT64(1)));
}
