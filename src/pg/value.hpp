// Values on their way between the server's datums and C++.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"

#include "pg/clock.hpp"
#include "pg/compat.hpp"
#include "pg/prelude.hpp"

extern "C" {
#include "catalog/pg_type_d.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/uuid.h"
}

namespace session_service::pg {

/// A datum that may be NULL.
using Value = NullableDatum;

inline constexpr Value null_value{0, true};

inline Value value(Datum datum) {
    return {datum, false};
}

inline Value boolean_value(bool truth) {
    return value(BoolGetDatum(truth));
}

inline Value smallint_value(std::uint16_t number) {
    return value(Int16GetDatum(static_cast<std::int16_t>(number)));
}

inline Value integer_value(std::int32_t number) {
    return value(Int32GetDatum(number));
}

/// The value refers to `id`, which must outlive it.
inline Value uuid_value(const core::Uuid& id) {
    return value(PointerGetDatum(id.data()));
}

inline Value optional_uuid_value(const std::optional<core::Uuid>& id) {
    return id ? uuid_value(*id) : null_value;
}

/// The ids as uuid[]; it refers to them no more.
inline Value uuid_array_value(std::span<const core::Uuid> ids) {
    auto* elements = static_cast<Datum*>(palloc(ids.size() * sizeof(Datum) + 1));
    std::ranges::transform(ids, elements,
                           [](const core::Uuid& id) { return PointerGetDatum(id.data()); });
    return value(PointerGetDatum(construct_array(elements, static_cast<int>(ids.size()), UUIDOID,
                                                 UUID_LEN, false, TYPALIGN_CHAR)));
}

/// The elements of a uuid[] but for NULLs, which take no room in the array and get none here: there
/// can be too many for palloc.
inline std::span<core::Uuid> uuids_of(Datum array) {
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(array), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &elements,
                      &nulls, &count);
    const auto known = static_cast<std::size_t>(std::ranges::count(nulls, nulls + count, false));
    const std::span ids{static_cast<core::Uuid*>(palloc(known * sizeof(core::Uuid) + 1)), known};
    auto id = ids.begin();
    for (int i = 0; i < count; ++i) {
        if (!nulls[i]) {
            std::memcpy(id++->data(), DatumGetPointer(elements[i]), UUID_LEN);
        }
    }
    return ids;
}

/// The elements of a text[] without NULLs.
inline std::span<Datum> elements_of(Datum texts) {
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(texts), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                      &nulls, &count);
    return {elements, static_cast<std::size_t>(count)};
}

inline Value bigint_value(std::int64_t number) {
    return value(Int64GetDatum(number));
}

/// A time; `never` and `no_refresh` are NULL in the database.
inline Value time_value(Micros time) {
    if (time == core::never || time == core::no_refresh) {
        return null_value;
    }
    return value(TimestampTzGetDatum(time));
}

/// A text, copied into the current memory context.
inline Value text_value(std::string_view text) {
    return value(
        PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))));
}

/// A text that may end amid a character, which is then left out; NULL where it is empty.
inline Value text_or_null(std::string_view text) {
    const auto size = static_cast<int>(text.size());
    const auto whole = static_cast<std::size_t>(pg_mbcliplen(text.data(), size, size));
    return whole == 0 ? null_value : text_value(text.substr(0, whole));
}

/// A bytea, copied into the current memory context. Digests travel to statements in this form and
/// are cast there, since the OID of token_hash changes when the extension is created anew.
inline Value bytea_value(core::Bytes bytes) {
    return text_value({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// A uuid datum of its own, in the current memory context.
inline Datum new_uuid(const core::Uuid& id) {
    auto* copy = static_cast<core::Uuid*>(palloc(sizeof(core::Uuid)));
    *copy = id;
    return PointerGetDatum(copy);
}

/// A copy of a value of variable length, whole and uncompressed, in another memory context.
inline Datum copied(Datum datum, MemoryContext where) {
    const MemoryContext current = MemoryContextSwitchTo(where);
    const Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(datum));
    MemoryContextSwitchTo(current);
    return copy;
}

inline core::Uuid to_uuid(Datum datum) {
    core::Uuid id;
    std::memcpy(id.data(), DatumGetPointer(datum), id.size());
    return id;
}

inline core::Digest to_digest(Datum datum) {
    core::Digest digest;
    std::memcpy(digest.data(), DatumGetPointer(datum), digest.size());
    return digest;
}

/// A view of a text or bytea datum, detoasted in the current memory context.
inline std::string_view to_view(Datum datum) {
    const auto* packed = PG_DETOAST_DATUM_PACKED(datum);
    return {VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed)};
}

} // namespace session_service::pg
