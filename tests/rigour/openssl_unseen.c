// OpenSSL is the one library that the memory sanitizer's build takes as it is. What it writes counts as never written, and when its first digest begins, it looks up names that it wrote itself:
// the C library's functions do not check what they are given meanwhile. Linked by --wrap (the preset msan).
#include <sanitizer/msan_interface.h>

int __real_EVP_DigestInit_ex(void* context, const void* type, void* engine);

int __wrap_EVP_DigestInit_ex(void* context, const void* type, void* engine) {
  __msan_scoped_disable_interceptor_checks();
  const int good = __real_EVP_DigestInit_ex(context, type, engine);
  __msan_scoped_enable_interceptor_checks();
  return good;
}
