// What the current transaction's COMMIT promises, and whether a call may write at all.
#pragma once

namespace session_service::pg {

/// What was just written is as durable when COMMIT returns as synchronous_commit = on makes it: on
/// this server's disk, and on that of the synchronous standbys. Nothing that the caller, or a
/// function around the call, sets synchronous_commit to changes that.
void make_durable();

/// The same, and with revocation_commit = remote_apply COMMIT also waits until the synchronous
/// standbys show it.
void make_revocation_durable();

/// To be called as the transaction commits, by who wrote what nobody waits for: where nothing else
/// was written, COMMIT does not wait for the disk.
void spare_the_wait_for_disk();

/// Before and after a write that nobody waits for, within the transaction: where it stays the only
/// one, COMMIT does not wait for the disk.
class OptionalWrite {
  public:
    OptionalWrite();
    void done() const;

  private:
    bool is_first_;
};

/// Whether a call may write, for what is left out where it may not.
bool is_writable();

/// Refuses a call that writes on a standby or in a read-only transaction, with 25006, and in a
/// parallel query, where a caller's function that is declared safe by mistake leads it, with 25000.
void require_writable(const char* function);

/// To be called once as the library is loaded.
void watch_commits();

} // namespace session_service::pg
