#include "pg/arguments.hpp"

#include "core/address.hpp"
#include "core/display_name.hpp"
#include "core/scope.hpp"

#include "pg/settings.hpp"

extern "C" {
#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"
#include "utils/jsonb.h"
}

namespace session_service::pg {

namespace {

// The size of a varlena's content once detoasted, told by its header alone.
std::size_t raw_size(Datum datum) {
    return toast_raw_datum_size(datum) - VARHDRSZ;
}

// Raises 22001 where a text has more than `limit` characters; one that cannot fit is not fetched.
void require_length(Datum text, const char* name, int limit) {
    const auto most = static_cast<std::size_t>(limit);
    const std::size_t size = raw_size(text);
    if (size <= most) {
        return;
    }
    if (size > most * static_cast<std::size_t>(pg_database_encoding_max_length())) {
        raise_too_long(name, limit, "characters");
    }
    const std::string_view view = to_view(text);
    if (pg_mbstrlen_with_len(view.data(), static_cast<int>(view.size())) > limit) {
        raise_too_long(name, limit, "characters");
    }
}

bool is_ascii(std::string_view text) {
    return std::ranges::none_of(text, [](char character) { return (character & '\x80') != 0; });
}

// Unicode normalization form C, so that two spellings of one name are one.
Value normalized(std::string_view text) {
    if (GetDatabaseEncoding() != PG_UTF8 || is_ascii(text)) {
        return text_value(text);
    }
    return value(DirectFunctionCall2(unicode_normalize_func, text_value(text).value,
                                     text_value("NFC").value));
}

core::Address to_address(const inet* given) {
    core::Address address{.is_v6 = ip_family(given) == PGSQL_AF_INET6, .prefix = ip_bits(given)};
    std::memcpy(address.bytes.data(), ip_addr(given), static_cast<std::size_t>(ip_addrsize(given)));
    return address;
}

Value inet_value(const core::Address& address) {
    auto* made = static_cast<inet*>(palloc0(sizeof(inet)));
    ip_family(made) = address.is_v6 ? PGSQL_AF_INET6 : PGSQL_AF_INET;
    ip_bits(made) = address.prefix;
    std::memcpy(ip_addr(made), address.bytes.data(), static_cast<std::size_t>(ip_addrsize(made)));
    SET_INET_VARSIZE(made);
    return value(InetPGetDatum(made));
}

// What a list of texts may hold, by the names that messages have for it.
struct ListBounds {
    const char* list;
    const char* unit;
    const char* element;
    int most;
    int most_characters;
};

struct Texts {
    Datum* elements;
    int count;

    std::span<Datum> all() const { return {elements, static_cast<std::size_t>(count)}; }
    Value as_list() const {
        return value(
            PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT)));
    }
};

Texts bounded_texts(Datum list, const ListBounds& bounds) {
    // Of at most 4 bytes to a character, with the elements' headers: more is not fetched.
    const std::size_t most_bytes = static_cast<std::size_t>(bounds.most) *
                                       (static_cast<std::size_t>(bounds.most_characters) * 4 + 8) +
                                   64;
    if (raw_size(list) > most_bytes) {
        ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                        errmsg("%s are too long", bounds.unit),
                        errdetail("At most %d %s of at most %d characters are accepted.",
                                  bounds.most, bounds.unit, bounds.most_characters)));
    }
    Texts texts{};
    bool* nulls = nullptr;
    deconstruct_array(DatumGetArrayTypeP(list), TEXTOID, -1, false, TYPALIGN_INT, &texts.elements,
                      &nulls, &texts.count);
    if (texts.count > bounds.most) {
        raise_too_long(bounds.list, bounds.most, bounds.unit);
    }
    for (int i = 0; i < texts.count; ++i) {
        if (nulls[i]) {
            raise_null_argument(bounds.element);
        }
        require_length(texts.elements[i], bounds.element, bounds.most_characters);
    }
    return texts;
}

[[noreturn]] void raise_interval_overflow(const char* name) {
    ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                    errmsg("interval out of range: %s", name)));
    pg_unreachable();
}

} // namespace

void require_metadata_size(Datum metadata) {
    if (raw_size(metadata) > std::size_t{max_metadata_size}) {
        raise_too_long("metadata", max_metadata_size, "bytes");
    }
}

std::optional<std::string_view> Arguments::small_text(int number, std::size_t most) const {
    if (is_null(number) || raw_size(datum(number)) > most) {
        return std::nullopt;
    }
    return to_view(datum(number));
}

std::string_view Arguments::first_bytes(int number, std::size_t most) const {
    if (is_null(number)) {
        return {};
    }
    return to_view(
        PointerGetDatum(PG_DETOAST_DATUM_SLICE(datum(number), 0, static_cast<int32>(most))));
}

core::Uuid Arguments::uuid(int number, const char* name) const {
    require(number, name);
    return to_uuid(datum(number));
}

std::optional<core::Uuid> Arguments::optional_uuid(int number) const {
    if (is_null(number)) {
        return std::nullopt;
    }
    return to_uuid(datum(number));
}

Micros Arguments::time(int number, const char* name) const {
    require(number, name);
    const Micros given = DatumGetTimestampTz(datum(number));
    if (TIMESTAMP_NOT_FINITE(given)) {
        ereport(ERROR,
                (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("%s must be finite", name)));
    }
    return given;
}

std::optional<Micros> Arguments::optional_time(int number, const char* name) const {
    if (is_null(number)) {
        return std::nullopt;
    }
    return time(number, name);
}

Value Arguments::text(int number, const char* name, int limit) const {
    if (is_null(number)) {
        return null_value;
    }
    require_length(datum(number), name, limit);
    return value(PointerGetDatum(PG_DETOAST_DATUM_PACKED(datum(number))));
}

Value Arguments::required_text(int number, const char* name, int limit) const {
    require(number, name);
    return text(number, name, limit);
}

Value Arguments::nonempty_text(int number, const char* name, int limit) const {
    const Value given = text(number, name, limit);
    return given.isnull || to_view(given.value).empty() ? null_value : given;
}

Value Arguments::display_name(int number, const char* name) const {
    if (is_null(number)) {
        return null_value;
    }
    // What counts is what is kept; but what is much larger is not looked at.
    constexpr std::size_t most_bytes = std::size_t{16} * max_name_length;
    if (raw_size(datum(number)) > most_bytes) {
        raise_too_long(name, max_name_length, "characters");
    }
    const std::string_view trimmed =
        core::trimmed(to_view(datum(number)), GetDatabaseEncoding() == PG_UTF8);
    if (trimmed.empty()) {
        return null_value;
    }
    const Value normal = normalized(trimmed);
    require_length(normal.value, name, max_name_length);
    return normal;
}

Value Arguments::network(int number) const {
    if (is_null(number)) {
        return null_value;
    }
    const inet* given = DatumGetInetPP(datum(number));
    return ip_family(given) == PGSQL_AF_INET ? optional(number)
                                             : inet_value(core::unmapped(to_address(given)));
}

Value Arguments::address(int number) const {
    using settings::StoreAddresses;
    const StoreAddresses storing = settings::store_addresses();
    if (is_null(number) || storing == StoreAddresses::none) {
        return null_value;
    }
    if (storing == StoreAddresses::full) {
        return network(number);
    }
    const inet* given = DatumGetInetPP(datum(number));
    return inet_value(core::network_of(core::unmapped(to_address(given))));
}

Value Arguments::text_or(int number, const char* name, int limit,
                         std::string_view otherwise) const {
    return is_null(number) ? text_value(otherwise) : text(number, name, limit);
}

Value Arguments::scopes(int number, bool otherwise_empty) const {
    if (is_null(number)) {
        if (!otherwise_empty) {
            raise_null_argument("scopes");
        }
        return value(PointerGetDatum(construct_empty_array(TEXTOID)));
    }
    const Texts scopes = bounded_texts(datum(number), {.list = "the list of scopes",
                                                       .unit = "scopes",
                                                       .element = "a scope",
                                                       .most = max_scope_count,
                                                       .most_characters = max_scope_length});
    for (const Datum scope : scopes.all()) {
        if (!core::is_scope_token(to_view(scope))) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid scope"),
                            errdetail("A scope has printable ASCII characters, without space, "
                                      "quote and backslash (RFC 6749, section 3.3).")));
        }
    }
    return scopes.as_list();
}

Value Arguments::authentication_methods(int number) const {
    if (is_null(number)) {
        return null_value;
    }
    return bounded_texts(datum(number), {.list = "amr",
                                         .unit = "authentication methods",
                                         .element = "an authentication method",
                                         .most = max_amr_count,
                                         .most_characters = max_method_length})
        .as_list();
}

Value Arguments::metadata(int number, bool otherwise_empty) const {
    if (is_null(number)) {
        if (!otherwise_empty) {
            raise_null_argument("metadata");
        }
        return value(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
    }
    require_metadata_size(datum(number));
    return value(PointerGetDatum(PG_DETOAST_DATUM(datum(number))));
}

Value Arguments::json(int number, const char* name) const {
    require(number, name);
    return value(PointerGetDatum(PG_DETOAST_DATUM(datum(number))));
}

std::optional<Micros> Arguments::duration(int number, const char* name, bool zero_allowed) const {
    if (is_null(number)) {
        return std::nullopt;
    }
    const Interval* interval = DatumGetIntervalP(datum(number));
    constexpr std::int64_t days_per_month = 30;
    constexpr Micros micros_per_year = 365 * core::micros_per_day + core::micros_per_day / 4;
    Micros years = 0;
    const Micros months = Micros{interval->month % 12} * days_per_month * core::micros_per_day;
    Micros days = 0;
    Micros total = 0;
    if (pg_mul_s64_overflow(interval->month / 12, micros_per_year, &years) ||
        pg_mul_s64_overflow(interval->day, core::micros_per_day, &days) ||
        pg_add_s64_overflow(interval->time, days, &total) ||
        pg_add_s64_overflow(total, months, &total) || pg_add_s64_overflow(total, years, &total)) {
        raise_interval_overflow(name);
    }
    if (total > 0 && !IS_VALID_TIMESTAMP(core::later(now(), total))) {
        raise_interval_overflow(name);
    }
    if (total < 0 || (total == 0 && !zero_allowed)) {
        raise_out_of_range(name, zero_allowed ? "zero or positive" : "positive");
    }
    return total;
}

std::int32_t Arguments::row_limit(int number, std::int32_t otherwise) const {
    const std::int32_t limit = is_null(number) ? otherwise : DatumGetInt32(datum(number));
    if (limit <= 0) {
        raise_out_of_range("max_rows", "positive");
    }
    return limit;
}

Micros Arguments::required_duration(int number, const char* name) const {
    const auto given = duration(number, name);
    if (!given) {
        raise_null_argument(name);
    }
    return *given;
}

} // namespace session_service::pg
