// JSON merge patches (RFC 7396).
#pragma once

#include "pg/prelude.hpp"
#include "pg/value.hpp"

namespace session_service::pg {

/// The document with the patch applied, both jsonb, in the current memory context. A member that is
/// null in the patch goes, one that is an object is patched in its turn, any other is put in place;
/// a patch that is no object takes the place of the whole. NULL is a document that is no object.
Datum merge_patch(Value document, Datum patch);

} // namespace session_service::pg
