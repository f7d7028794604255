/* lua_header_dictionary.h - the fields of a head as one table, name to value. */
#ifndef HCL_HEADER_DICTIONARY_H
#define HCL_HEADER_DICTIONARY_H

#include "../core/base/internal.h"
#include "../core/http/fields.h"
#include "lua_binding.h"

HC_INTERNAL_BEGIN

/* Pushes the values of all fields of that name, from index `first` on, with `separator` between. */
void hcl_push_joined(lua_State *L, const hc_headers *headers, hc_slice name, size_t first,
                     const char *separator);

/* How the values of a repeated name become one. */
typedef enum hcl_join {
  HCL_JOIN_REFERENCE, /* "; ", as the engine's dictionary has them */
  HCL_JOIN_LISTS /* ", " (RFC 9110 section 5.3); of Set-Cookie the first one */
} hcl_join;

/* Pushes a table with an entry for each name as it was first spelled. Reading it finds other letter
 * cases too. */
void hcl_push_header_dictionary(lua_State *L, const hc_headers *headers, hcl_join join);

HC_INTERNAL_END

#endif
