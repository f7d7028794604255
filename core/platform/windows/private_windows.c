/* private_windows.c - files that nobody but their owner may open: an access list that names the
 * user alone and takes nothing from the folder. See system_windows.h.
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

/* The user whom the process runs as; NULL with GetLastError. */
static TOKEN_USER *find_user(void) {
  HANDLE token;
  DWORD size = 0;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return NULL;
  (void)GetTokenInformation(token, TokenUser, NULL, 0, &size);
  TOKEN_USER *user = size > 0 ? allocate_private(size) : NULL;
  if (user && !GetTokenInformation(token, TokenUser, user, size, &size)) {
    DWORD number = GetLastError();
    hc_memory_release(user);
    user = NULL;
    SetLastError(number);
  }
  (void)CloseHandle(token);
  return user;
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
  TOKEN_USER *user = find_user();
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
