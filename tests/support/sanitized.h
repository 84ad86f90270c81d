/* tests/support/sanitized.h — is this the build of a sanitizer? Such a build is 5 to 20 times slower, and looks at memory and threads; what a
 * thousand equal steps add up to is for the plain build to show. */
#ifndef TESTS_SUPPORT_SANITIZED_H
#define TESTS_SUPPORT_SANITIZED_H

/* For cmocka_set_test_filter in programs whose other tests have one thread from beginning to end: the thread sanitizer would find nothing there, slowly. */
#define TESTS_WITH_THREADS "*same*bytes*"

/* gcc says it by macros, clang by features. */
#if defined(__has_feature)
#define SANITIZER(name) __has_feature(name)
#else
#define SANITIZER(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || SANITIZER(thread_sanitizer)
enum { THREAD_SANITIZED = 1, SANITIZED = 1 };
#elif defined(__SANITIZE_ADDRESS__) || SANITIZER(address_sanitizer)
enum { THREAD_SANITIZED = 0, SANITIZED = 1 };
#else
enum { THREAD_SANITIZED = 0, SANITIZED = 0 };
#endif
#undef SANITIZER
#endif
