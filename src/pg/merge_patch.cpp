#include "pg/merge_patch.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/jsonb.h"
}

namespace session_service::pg {

namespace {

// The object that a value is, or null.
JsonbContainer* object_of(const JsonbValue& value) {
    if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data)) {
        return nullptr;
    }
    return value.val.binary.data;
}

std::optional<JsonbValue> member(JsonbContainer* object, const JsonbValue& name) {
    JsonbValue found;
    if (object == nullptr || getKeyJsonValueFromContainer(object, name.val.string.val,
                                                          name.val.string.len, &found) == nullptr) {
        return std::nullopt;
    }
    return found;
}

// NOLINTBEGIN(misc-no-recursion): no deeper than the stack allows

// Calls `visit` with the name and the value of each member; an object or array among the values is
// not gone into.
template <typename Visit>
void for_each_member(JsonbContainer* object, Visit&& visit) {
    if (object == nullptr) {
        return;
    }
    JsonbIterator* iterator = JsonbIteratorInit(object);
    JsonbValue name;
    JsonbValue value;
    (void)JsonbIteratorNext(&iterator, &name, true); // WJB_BEGIN_OBJECT
    while (JsonbIteratorNext(&iterator, &name, true) == WJB_KEY) {
        (void)JsonbIteratorNext(&iterator, &value, true);
        visit(name, value);
    }
}

// Adds the object that `target` becomes, which may be null for none.
void push_merged(JsonbBuilder& merged, JsonbContainer* target, JsonbContainer* patch) {
    check_stack_depth();
    CHECK_FOR_INTERRUPTS();
    merged.push(WJB_BEGIN_OBJECT);
    for_each_member(target, [&](JsonbValue& name, JsonbValue& value) {
        if (!member(patch, name)) {
            merged.push(WJB_KEY, &name);
            merged.push(WJB_VALUE, &value);
        }
    });
    for_each_member(patch, [&](JsonbValue& name, JsonbValue& value) {
        if (value.type == jbvNull) {
            return;
        }
        merged.push(WJB_KEY, &name);
        if (JsonbContainer* inner = object_of(value)) {
            const auto patched = member(target, name);
            push_merged(merged, patched ? object_of(*patched) : nullptr, inner);
        } else {
            merged.push(WJB_VALUE, &value);
        }
    });
    merged.push(WJB_END_OBJECT);
}

// NOLINTEND(misc-no-recursion)

JsonbContainer* root_object(Jsonb* document) {
    return JB_ROOT_IS_OBJECT(document) ? &document->root : nullptr;
}

} // namespace

Datum merge_patch(Value document, Datum patch) {
    Jsonb* changes = DatumGetJsonbP(patch);
    if (root_object(changes) == nullptr) {
        return JsonbPGetDatum(changes);
    }
    JsonbBuilder merged;
    push_merged(merged, document.isnull ? nullptr : root_object(DatumGetJsonbP(document.value)),
                root_object(changes));
    return JsonbPGetDatum(merged.document());
}

} // namespace session_service::pg
