/* private_windows.c - files that nobody but their owner may open: an access list that names the
 * user alone and takes nothing from the folder; and who a file's owner is. See system_windows.h.
 *
 * An administrator can take any file over, as root can on POSIX. The list is protected: what the
 * folder would hand down to its files does not reach this one. */
#include "system_windows.h"

#include <aclapi.h>

#include "../../base/memory.h"

/* NULL with GetLastError, as the system's own functions have it. */
static void *allocate_private(DWORD size) {
  void *block = hc_memory_allocate(size);
  if (!block) SetLastError(ERROR_NOT_ENOUGH_MEMORY);
  return block;
}

/* A thread may act for somebody else (a service for its client): what it opens is opened as that
 * user. False with GetLastError. */
static bool open_token(HANDLE *token) {
  return OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, token) ||
         (GetLastError() == ERROR_NO_TOKEN &&
          OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, token));
}

/* TokenUser or TokenOwner, in memory of its own; NULL with GetLastError. */
static void *find_in_token(TOKEN_INFORMATION_CLASS kind) {
  HANDLE token;
  DWORD size = 0;
  if (!open_token(&token)) return NULL;
  (void)GetTokenInformation(token, kind, NULL, 0, &size);
  void *found = size > 0 ? allocate_private(size) : NULL;
  if (found && !GetTokenInformation(token, kind, found, size, &size)) {
    DWORD number = GetLastError();
    hc_memory_release(found);
    found = NULL;
    SetLastError(number);
  }
  (void)CloseHandle(token);
  return found;
}

/* One entry, for the user. ACCESS_ALLOWED_ACE has the first four bytes of the SID in it already;
 * the room is four bytes more than is needed. */
static ACL *make_list(SID *user) {
  DWORD size = (DWORD)sizeof(ACL) + (DWORD)sizeof(ACCESS_ALLOWED_ACE) + GetLengthSid(user);
  ACL *list = allocate_private(size);
  if (list && InitializeAcl(list, size, ACL_REVISION) &&
      AddAccessAllowedAce(list, ACL_REVISION, FILE_ALL_ACCESS, user))
    return list;
  hc_memory_release(list);
  return NULL;
}

/* The descriptor points to the list, and `attributes` to the descriptor: the struct must stay where
 * it is until the end. */
bool hc_private_begin(hc_private *p) {
  *p = (hc_private){.attributes = {.nLength = sizeof p->attributes}};
  TOKEN_USER *user = find_in_token(TokenUser);
  p->user = user;
  p->list = user ? make_list(user->User.Sid) : NULL;
  p->attributes.lpSecurityDescriptor = &p->descriptor;
  if (p->list && InitializeSecurityDescriptor(&p->descriptor, SECURITY_DESCRIPTOR_REVISION) &&
      SetSecurityDescriptorDacl(&p->descriptor, TRUE, p->list, FALSE) &&
      SetSecurityDescriptorControl(&p->descriptor, SE_DACL_PROTECTED, SE_DACL_PROTECTED))
    return true;
  DWORD number = GetLastError();
  hc_private_end(p);
  SetLastError(number);
  return false;
}

/* SetSecurityInfo gives its error as the result, not by GetLastError, as callers expect it. */
bool hc_private_apply(const hc_private *p, HANDLE file) {
  bool is_user = false;
  SetLastError(ERROR_INVALID_OWNER);
  (void)hc_owner_of(file, &is_user);
  if (!is_user) return false;
  DWORD number = SetSecurityInfo(file, SE_FILE_OBJECT,
                                 DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                 NULL, NULL, (ACL *)p->list, NULL);
  SetLastError(number);
  return number == ERROR_SUCCESS;
}

/* Files that were made with it keep the list: the system has copied it. */
void hc_private_end(hc_private *p) {
  hc_memory_release(p->list);
  hc_memory_release(p->user);
  *p = (hc_private){.user = NULL};
}

/* --- whose file is it */

/* FNV-1a, of which 52 bits are kept: Lua 5.1 has doubles. Nobody can choose his SID. */
static int64_t number_of_sid(SID *sid) {
  const unsigned char *at = (const unsigned char *)sid;
  uint64_t number = 0xcbf29ce484222325u;
  for (DWORD i = 0; i < GetLengthSid(sid); i++) number = (number ^ at[i]) * 0x100000001b3u;
  return (int64_t)(number >> 12);
}

/* New files of an administrator may belong to the group of administrators (TokenOwner). Where the
 * file system knows no owners (FAT), Windows names everybody, whom nobody else could make the owner
 * of a file. */
static bool is_this_user(SID *sid) {
  TOKEN_USER *user = find_in_token(TokenUser);
  TOKEN_OWNER *owner = user ? find_in_token(TokenOwner) : NULL;
  DWORD number = owner ? ERROR_INVALID_OWNER : GetLastError();
  bool is_ours = owner && (EqualSid(sid, user->User.Sid) || EqualSid(sid, owner->Owner) ||
                           IsWellKnownSid(sid, WinWorldSid));
  hc_memory_release(user);
  hc_memory_release(owner);
  SetLastError(number);
  return is_ours;
}

/* By the handle: what a path leads to may change. Where the owner is not the user, GetLastError
 * says whether he is another one or memory was out. */
int64_t hc_owner_of(HANDLE file, bool *is_user) {
  PSID sid = NULL;
  PSECURITY_DESCRIPTOR descriptor = NULL;
  bool is_known = GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &sid, NULL,
                                  NULL, NULL, &descriptor) == ERROR_SUCCESS &&
                  sid;
  int64_t number = is_known ? number_of_sid(sid) : 0;
  if (is_user) *is_user = is_known && is_this_user(sid);
  if (descriptor) (void)LocalFree(descriptor);
  return number;
}
