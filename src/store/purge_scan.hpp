// Finding and deleting what cleanup deletes: from the index by purge_after to the heap, without the
// executor, and without a lock or a second look-up of each row.
//
// A row is deleted in the version that was read. Who makes use of it meanwhile writes another
// version first: a renewal of the session, a sign-in of the device. So what was decided by a
// snapshot still holds where the deletion succeeds.
#pragma once

#include "pg/index_scan.hpp"
#include "store/plain_table.hpp"
#include "store/session_lookup.hpp"

namespace session_service::store {

/// Sessions that may be over, those with the earliest purge_after first, as of the moment it was
/// opened.
class SessionPurge {
  public:
    /// Sessions whose purge_after is not later than `cutoff`. Nothing where rows are not to be
    /// deleted without the executor: where the table is not a plain local one or has no index by
    /// purge_after, or where a DBA's trigger, foreign key or rule has a say in deletions.
    static std::optional<SessionPurge> open(Micros cutoff);

    /// The next session, valid until the next call; nothing at the end. Columns up to revoked_at
    /// are read.
    std::optional<SessionRow> next();

    /// Deletes the session that next() is at, unless another transaction holds or has changed it.
    bool delete_if_free();

    void close();

  private:
    Relation heap_ = nullptr;
    Snapshot snapshot_ = nullptr;
    pg::IndexScan scan_;
};

/// Devices whose turn it is, in the same way.
class DevicePurge {
  public:
    struct Device {
        Micros last_seen;
        Micros trusted_until; // no_trust where it is not
        /// The latest purge_after of its sessions; nothing where it has none.
        std::optional<Micros> sessions_end;
    };
    static constexpr Micros no_trust = core::no_refresh;

    static std::optional<DevicePurge> open(Micros cutoff);

    /// The next device; nothing at the end.
    std::optional<Device> next();

    /// Deletes the device that next() is at, or puts it off, unless another transaction holds or
    /// has changed it; whether that was done.
    bool delete_if_free();
    bool put_off_if_free(Micros purge_after);

    void close();

  private:
    std::optional<Micros> end_of_sessions();

    PlainTable devices_;
    Relation sessions_ = nullptr;
    Snapshot snapshot_ = nullptr;
    pg::IndexScan scan_;
    pg::IndexScan sessions_scan_;
};

} // namespace session_service::store
