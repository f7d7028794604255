/* lua_http_client_content.c - HTTPClient: content with its codings taken off, for the Lua half.
 *
 * The engine's HTTPClient hands content out as it travels, so this is no method of the class: the
 * Lua half asks for it where it has asked the server for a coding. From then on every read gives
 * plain bytes, into strings and files alike. */
#include "lua_client_object.h"

/* decode_body(client) -> boolean: is the body read decoded from now on? It is not where nothing is
 * coded, or in a way that nobody here knows. nil, message, Error where it can't be. */
int hcl_decode_body(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_error code = self->client ? hc_client_decode_body(self->client, &why)
                               : hc_failure_set(&why, HC_ERR_UNCONFIGURED, "there is no body");
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  lua_pushboolean(L, hc_client_decodes_body(self->client));
  return 1;
}
