#include "store/imported_tokens.hpp"

#include "pg/token_hash.hpp"
#include "table/table.hpp"

namespace session_service::store {

namespace {

using table::TableName;
namespace imported_tokens = table::imported_tokens;

constinit table::Search by_hash{
    TableName::imported_tokens, 0, {{imported_tokens::token_hash, table::Is::equal}}};

constinit pg::Statement insert_token{
    R"(INSERT INTO session_service.imported_tokens (token_hash, session_id, bucket, is_refresh)
       VALUES ($1::session_service.token_hash, $2, $3, $4) ON CONFLICT (token_hash) DO NOTHING)",
    pg::parameters(BYTEAOID, UUIDOID, INT2OID, BOOLOID)};

} // namespace

std::optional<ImportedToken> find_imported_token(const core::Digest& hash) {
    return table::with_table(
        TableName::imported_tokens, table::For::reading,
        [&](table::Table& table) -> std::optional<ImportedToken> {
            const auto found = table.find(by_hash, {pg::value(pg::token_hash_datum(hash))});
            if (!found) {
                return std::nullopt;
            }
            const table::Row<imported_tokens::Column> row{*found};
            return ImportedToken{.session_id = row.uuid(imported_tokens::session_id),
                                 .is_refresh = row.boolean(imported_tokens::is_refresh)};
        });
}

bool add_imported_token(const pg::OwnerScope& owner, const core::Digest& hash, const UserKey& user,
                        const core::Uuid& session_id, bool is_refresh) {
    return insert_token
               .write(owner, {pg::bytea_value(hash), pg::uuid_value(session_id),
                              user.bucket_value(), pg::boolean_value(is_refresh)})
               .count() > 0;
}

} // namespace session_service::store
