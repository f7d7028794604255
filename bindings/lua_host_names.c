/* lua_host_names.c - what the Lua half asks about the names of hosts: their form in ASCII for URLs,
 * and for cookies whether a domain is everybody's.
 *
 * The answers are in http/, which has them of libraries where the build has these. Arguments and
 * results are all that happens here. */
#include "../core/http/idn.h"
#include "../core/http/public_suffix.h"
#include "lua_binding.h"

/* idn_to_ascii(host) -> the host in its ASCII form; nil and why there is none */
int hcl_idn_to_ascii(lua_State *L) {
  hc_slice host = hcl_check_string(L, 1);
  hc_buffer *out = hcl_buffer_new(L);
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_idn_to_ascii(host, out, &why);
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK) return hcl_push_refusal(L, code, &why);
  hcl_buffer_push(L, out);
  return 1;
}

/* false for everything in a build without the list. The text of a Lua string ends with a NUL, as
 * the core wants it. */
int hcl_is_public_suffix(lua_State *L) {
  lua_pushboolean(L, hc_is_public_suffix(hcl_check_string(L, 1).data));
  return 1;
}
