#include "store/imported_tokens.hpp"

#include "store/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace session_service::store {

namespace {

using pg::Access;

constinit pg::Statement select_by_hash{
    "SELECT i.session_id, i.is_refresh FROM session_service.imported_tokens i "
    "WHERE i.token_hash" SQL_HASH_EQ SQL_HASH("$1"),
    std::array<Oid, 1>{BYTEAOID}};

constinit pg::Statement insert_token{
    "INSERT INTO session_service.imported_tokens (token_hash, session_id, bucket, is_refresh) "
    "VALUES (" SQL_HASH("$1") ", $2, $3, $4) ON CONFLICT (token_hash) DO NOTHING",
    std::array<Oid, 4>{BYTEAOID, UUIDOID, INT2OID, BOOLOID}};

} // namespace

std::optional<ImportedToken> find_imported_token(const core::Digest& hash) {
    const pg::Result row = select_by_hash.run(Access::read, {pg::bytea_value(hash)});
    if (row.empty()) {
        return std::nullopt;
    }
    return ImportedToken{.session_id = pg::to_uuid(row(0, 1)),
                         .is_refresh = DatumGetBool(row(0, 2))};
}

bool add_imported_token(const core::Digest& hash, const UserKey& user, const core::Uuid& session_id,
                        bool is_refresh) {
    return insert_token
               .run(Access::write, {pg::bytea_value(hash), pg::uuid_value(session_id),
                                    pg::smallint_value(user.bucket), pg::boolean_value(is_refresh)})
               .count() > 0;
}

} // namespace session_service::store
