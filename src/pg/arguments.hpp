// The arguments of SQL functions, checked: each SQL function is get arguments, check, compute,
// return.
#pragma once

#include "core/token.hpp"

#include "pg/error.hpp"
#include "pg/prelude.hpp"
#include "pg/value.hpp"

namespace session_service::pg {

/// Lengths that texts may have, in characters (a document's in bytes).
inline constexpr int max_name_length = 255;
inline constexpr int max_user_agent_length = 2048;
inline constexpr int max_device_key_length = 512;
inline constexpr int max_scope_count = 100;
inline constexpr int max_scope_length = 255;
inline constexpr int max_metadata_size = 8192;
inline constexpr int max_reason_length = 255;
inline constexpr int max_method_length = 64;
inline constexpr int max_acr_length = 255;
inline constexpr int max_amr_count = 20;
inline constexpr int max_external_id_length = 512;

/// The longest text that can be a token of ours or of another system.
inline constexpr std::size_t max_presented_length = 512;

/// Raises 22001 where a JSON document has more than 8 kB as stored, uncompressed.
void require_metadata_size(Datum metadata);

/// The arguments of one call, by number from 0.
class Arguments {
  public:
    explicit Arguments(FunctionCallInfo fcinfo) : fcinfo_(fcinfo) {}

    bool is_null(int number) const { return fcinfo_->args[number].isnull; }
    Datum datum(int number) const { return fcinfo_->args[number].value; }

    bool boolean_or(int number, bool otherwise) const {
        return is_null(number) ? otherwise : DatumGetBool(datum(number));
    }

    /// 22004 where a required argument is NULL.
    void require(int number, const char* name) const {
        if (is_null(number)) {
            raise_null_argument(name);
        }
    }

    /// The argument as it came, NULL or not.
    Value optional(int number) const { return fcinfo_->args[number]; }

    /// A token, or nothing where it is NULL or larger than any token can be: such a value is
    /// refused by its raw size, and neither fetched nor decompressed.
    std::optional<std::string_view> token(int number) const {
        return small_text(number, max_presented_length);
    }

    /// A text, or nothing where it is NULL or has more than `most` bytes, as by token().
    std::optional<std::string_view> small_text(int number, std::size_t most) const;

    /// The first bytes of a text, `most` of them; empty where it is NULL. No more is fetched.
    std::string_view first_bytes(int number, std::size_t most) const;

    /// A required id; 22004 where it is NULL.
    core::Uuid uuid(int number, const char* name) const;
    std::optional<core::Uuid> optional_uuid(int number) const;

    /// A required time; 22004 where it is NULL, 22008 where it is infinite.
    Micros time(int number, const char* name) const;
    std::optional<Micros> optional_time(int number, const char* name) const;

    /// An optional text of at most `limit` characters; 22001 where it is longer.
    Value text(int number, const char* name, int limit) const;

    /// The same, required: 22004 where it is NULL.
    Value required_text(int number, const char* name, int limit) const;

    /// The same as text(), where an empty text counts as NULL.
    Value nonempty_text(int number, const char* name, int limit) const;

    /// The same as text(), with a default in place of NULL.
    Value text_or(int number, const char* name, int limit, std::string_view otherwise) const;

    /// What a person calls a device: a text without the white space around it, in Unicode
    /// normalization form C where the database is in UTF-8; NULL where nothing is left.
    Value display_name(int number, const char* name) const;

    /// An address or a network, or NULL: IPv4 even where it came mapped into IPv6.
    Value network(int number) const;

    /// A client's address as it may be stored: the same, and as much of it as
    /// session_service.store_addresses allows.
    Value address(int number) const;

    /// Required scopes (22004 where NULL), or none where `otherwise_empty`: at most 100 of at most
    /// 255 characters each (22001), each a scope-token (22023), none NULL (22004).
    Value scopes(int number, bool otherwise_empty) const;

    /// Authentication methods (RFC 8176), or NULL: at most 20 of at most 64 characters each
    /// (22001), none NULL (22004).
    Value authentication_methods(int number) const;

    /// Metadata, in its bounds.
    Value metadata(int number, bool otherwise_empty) const;

    /// A required JSON document of any size; 22004 where it is NULL.
    Value json(int number, const char* name) const;

    /// An optional positive duration in microseconds, where a day has 24 hours, a month 30 days and
    /// a year 365.25 days, as extract(epoch) counts; 22023 where it is not positive, 22008 where it
    /// overflows. `zero_allowed` admits 0.
    std::optional<Micros> duration(int number, const char* name, bool zero_allowed = false) const;

    /// How many rows to give at most; 22023 where it is not positive.
    std::int32_t row_limit(int number, std::int32_t otherwise) const;

    /// A required duration that is positive; 22004 where it is NULL.
    Micros required_duration(int number, const char* name) const;

  private:
    FunctionCallInfo fcinfo_;
};

} // namespace session_service::pg
