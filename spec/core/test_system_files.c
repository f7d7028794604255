/* test_system_files.c - system calls on files that fail, one by one: every error is told in words,
 * and neither a descriptor nor half a file stays behind. */
#include "faults.h"

#include "../../core/platform/file.h"
#include "../../core/stream/tls/tls_internal.h"
#include "scratch.h"

/* --- files */

static void check_files(void) {
  hc_failure why = {HC_OK, ""};
  size_t moved;
  char into[8];
  int file = new_file("plain", "0123456789"), other = -1;
  fault_set("pread", 0, EINTR);
  CHECK(hc_file_read_at(file, 2, into, 4, &moved, &why) == HC_OK && moved == 4 &&
        memcmp(into, "2345", 4) == 0 && fault_end() == 1);
  fault_set("pread", 0, EIO);
  CHECK(hc_file_read_at(file, 2, into, 4, &moved, &why) == HC_ERR_FILE_CANT_READ && moved == 0 &&
        fault_end() == 1);
  CHECK(says(&why, HC_ERR_FILE_CANT_READ, "can't read the file: input/output error"));
  fault_set("open", 0, EINTR);
  CHECK(hc_file_create(in_folder("written"), &other, &why) == HC_OK && other >= 0 &&
        fault_end() == 1);
  fault_set("write", 0, EINTR);
  CHECK(hc_file_write(other, HC_SLICE("text"), &moved, &why) == HC_OK && moved == 4 &&
        fault_end() == 1);
  fault_set("write", 0, 0);
  CHECK(hc_file_write(other, HC_SLICE("more"), &moved, &why) == HC_OK && moved == 4 &&
        fault_end() == 1);
  fault_set("close", 0, EINTR);
  CHECK(hc_file_finish(other, &why) == HC_OK && fault_end() == 1 && file_is("written", "textmore"));
  fault_set("fstat", 0, EIO);
  uint64_t length;
  hc_failure_clear(&why);
  CHECK(hc_file_share(file, 0, &other, &length, &why) == HC_ERR_INVALID_PARAMETER &&
        fault_end() == 1);
  CHECK(says(&why, HC_ERR_INVALID_PARAMETER, "body file: input/output error"));
  (void)close(file);
}

static void check_file_texts(void) {
  static const struct {
    int number;
    const char *text;
  } writes[] = {{ENOSPC, "no space left on device"}, {EDQUOT, "disk quota exceeded"},
                {EFBIG, "file too large"},           {EIO, "input/output error"},
                {EPERM, "permission denied"},        {EXDEV, "error 18"}};
  int file = new_file("plain", "");
  char expected[128];
  size_t moved;
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
    hc_failure why[2] = {{HC_OK, ""}, {HC_OK, ""}};
    snprintf(expected, sizeof expected, "can't write the file: %s", writes[i].text);
    if (writes[i].number == EXDEV)
      snprintf(expected, sizeof expected, "can't write the file: error %d", EXDEV);
    fault_set("write", 0, writes[i].number);
    CHECK(hc_file_write(file, HC_SLICE("x"), &moved, &why[0]) == HC_ERR_FILE_CANT_WRITE &&
          moved == 0 && fault_end() == 1);
    CHECK(says(&why[0], HC_ERR_FILE_CANT_WRITE, expected));
    int copy = dup(file);
    fault_set("close", 0, writes[i].number);
    CHECK(hc_file_finish(copy, &why[1]) == HC_ERR_FILE_CANT_WRITE && fault_end() == 1);
    CHECK(says(&why[1], HC_ERR_FILE_CANT_WRITE, expected));
  }
  static const struct {
    int number;
    hc_error code;
    const char *text;
  } opens[] = {{EACCES, HC_ERR_FILE_NO_PERMISSION, "permission denied"},
               {EPERM, HC_ERR_FILE_NO_PERMISSION, "permission denied"},
               {EROFS, HC_ERR_FILE_NO_PERMISSION, "read-only file system"},
               {ENFILE, HC_ERR_FILE_CANT_OPEN, "too many open files"},
               {ENOTDIR, HC_ERR_FILE_NOT_FOUND, "a part of the path is no directory"}};
  for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
    hc_failure why = {HC_OK, ""};
    int other = 9;
    snprintf(expected, sizeof expected, "can't open /nowhere: %s", opens[i].text);
    fault_set("open", 0, opens[i].number);
    CHECK(hc_file_create("/nowhere", &other, &why) == opens[i].code && other < 0 &&
          fault_end() == 1);
    CHECK(says(&why, opens[i].code, expected));
  }
  (void)close(file);
}

/* --- PEM files */

static hc_error read_pem(hc_failure *why, const char *expected) {
  hc_buffer text = {0};
  hc_error code = hc_pem_file_read(in_folder("plain"), &text, why);
  if (code == HC_OK)
    CHECK(hc_slice_equal((hc_slice){hc_buffer_head(&text), hc_buffer_size(&text)},
                         hc_slice_of(expected)));
  hc_buffer_free(&text);
  return code;
}

static void check_pem_reads(void) {
  (void)close(new_file("plain", "0123456789"));
  static const struct {
    const char *call;
    int number;
    hc_error code;
    const char *text;
  } cases[] = {{"open", EINTR, HC_OK, ""},
               {"read", EINTR, HC_OK, ""},
               {"read", EIO, HC_ERR_FILE_CANT_READ, "can't read "},
               {"open", EACCES, HC_ERR_FILE_CANT_OPEN, "can't open "},
               {"close", EIO, HC_OK, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hc_failure why = {HC_OK, ""};
    int free_one = next_descriptor();
    fault_set(cases[i].call, 0, cases[i].number);
    CHECK_CASE(cases[i].call, read_pem(&why, "0123456789") == cases[i].code && fault_end() == 1);
    CHECK(strncmp(why.text, cases[i].text, strlen(cases[i].text)) == 0 &&
          next_descriptor() == free_one);
  }
  hc_failure why = {HC_OK, ""};
  fault_set("read", 0, EIO);
  fault_add("strerror", 0, ERANGE, false);
  CHECK(read_pem(&why, "") == HC_ERR_FILE_CANT_READ && fault_end() == 2 &&
        strstr(why.text, ": unknown reason"));
}

/* The largest that is taken, and one byte more. */
static void check_pem_limit(void) {
  int file = new_file("plain", "");
  for (size_t size = HC_PEM_FILE_MAX; size <= HC_PEM_FILE_MAX + 1; size++) {
    hc_buffer text = {0};
    hc_failure why = {HC_OK, ""};
    bool fits = size == HC_PEM_FILE_MAX;
    loopback_need(ftruncate(file, (off_t)size) == 0, "ftruncate");
    CHECK(hc_pem_file_read(in_folder("plain"), &text, &why) ==
          (fits ? HC_OK : HC_ERR_FILE_CANT_READ));
    CHECK(fits ? hc_buffer_size(&text) == HC_PEM_FILE_MAX
               : strstr(why.text, "too large for a PEM file") != NULL);
    hc_buffer_free(&text);
  }
  (void)close(file);
}

static void check_pem_writes(void) {
  static const struct {
    const char *call;
    int number;
    hc_error code;
    const char *text, *left; /* what the file holds then */
  } cases[] = {{"open", EINTR, HC_OK, "", "secret"},
               {"write", EINTR, HC_OK, "", "secret"},
               {"close", EINTR, HC_OK, "", "secret"},
               {"write", 0, HC_OK, "", "secret"},
               {"write", ENOSPC, HC_ERR_FILE_CANT_WRITE, "can't write ", ""},
               {"close", EDQUOT, HC_ERR_FILE_CANT_WRITE, "can't write ", "secret"},
               {"fstat", EIO, HC_ERR_FILE_CANT_WRITE, "can't examine ", ""},
               {"fchmod", EPERM, HC_ERR_FILE_CANT_WRITE, "can't make private ", ""},
               {"open", EROFS, HC_ERR_FILE_CANT_OPEN, "can't open ", "before"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hc_failure why = {HC_OK, ""};
    int file = new_file("key", "before");
    loopback_need(fchmod(file, 0644) == 0 && close(file) == 0, "fchmod");
    int free_one = next_descriptor();
    fault_set(cases[i].call, 0, cases[i].number);
    CHECK_CASE(cases[i].call, hc_pem_file_write_private(in_folder("key"), HC_SLICE("secret"),
                                                        &why) == cases[i].code &&
                                  fault_end() == 1);
    CHECK(strncmp(why.text, cases[i].text, strlen(cases[i].text)) == 0 &&
          next_descriptor() == free_one);
    CHECK_CASE(cases[i].text, file_is("key", cases[i].left));
  }
  struct stat facts;
  CHECK(hc_pem_file_write_private(in_folder("key"), HC_SLICE("secret"), NULL) == HC_OK &&
        stat(in_folder("key"), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  hc_failure why = {HC_OK, ""};
  fault_set("write", 0, ENOSPC);
  fault_add("close", 0, EIO, false);
  CHECK_CASE("the first error is told",
             hc_pem_file_write_private(in_folder("key"), HC_SLICE("secret"), &why) ==
                 HC_ERR_FILE_CANT_WRITE);
  CHECK(fault_end() == 2 && strstr(why.text, strerror(ENOSPC)));
}

int main(void) {
  make_folder();
  check_files();
  check_file_texts();
  check_pem_reads();
  check_pem_limit();
  check_pem_writes();
  static const char *const names[] = {"plain", "written", "key"};
  remove_folder(names, sizeof names / sizeof *names);
  return check_report();
}
