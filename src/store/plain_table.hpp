// The tables that a sign-in reads and writes without the executor, which costs it most of its time.
//
// That is done only where nobody could tell the difference: on a local heap with exactly our
// columns, and with nothing that a DBA added and that the executor would have to run or check.
// Everything else goes by statements. Since no SQL and no code of anybody else's runs here, it
// needs neither the owner's rights nor a search_path.
#pragma once

#include "pg/index_scan.hpp"
#include "pg/value.hpp"
#include "store/users.hpp"

namespace session_service::store {

enum class TableName : std::uint8_t { users, devices, sessions, events };

/// Numbers of the columns of these tables, as the install script lays them out; those of the
/// sessions table are in store/catalog.hpp.
namespace users_column {
enum Number : int { user_id = 1, bucket, epoch, max_sessions };
inline constexpr int count = max_sessions;
} // namespace users_column

namespace devices_column {
enum Number : int {
    id = 1,
    user_id,
    key_hash,
    first_seen_at,
    last_seen_at,
    purge_after,
    bucket,
    is_keyed,
    is_renamed,
    trusted_until,
    ip_address,
    name,
    user_agent,
    browser,
    os,
    device_type,
};
inline constexpr int count = device_type;
} // namespace devices_column

namespace events_column {
enum Number : int {
    id = 1,
    at,
    user_id,
    session_id,
    device_id,
    bucket,
    kind,
    ip_address,
    reason,
    detail,
};
inline constexpr int count = detail;
} // namespace events_column

/// Whether the executor would run or check something as a row is written; CHECK constraints only
/// where `is_checked`.
bool needs_executor(Relation heap, bool is_checked);

/// A table, opened to be written. An error in between needs no close().
class PlainTable {
  public:
    /// Nothing where it has to go by statement.
    static std::optional<PlainTable> open(TableName name);

    Relation heap() const { return heap_; }

    /// A scan by the index that begins with the user's id.
    pg::IndexScan scan_by_user(Snapshot snapshot, std::span<ScanKeyData> keys) const;

    /// The equality of the digests in that index.
    Oid digest_equality() const { return digest_equality_; }

    /// Inserts a row; false where a column does not admit the NULL that it would get, which is for
    /// the executor to say.
    bool insert(std::span<const pg::Value> values) const;

    /// The lock stays until the transaction ends.
    void close();

  private:
    Relation heap_ = nullptr;
    Oid index_by_user_ = InvalidOid;
    Oid digest_equality_ = InvalidOid;
};

/// Registers what keeps the knowledge of these tables right; called once, as the library is loaded.
void watch_plain_tables();

} // namespace session_service::store
