/* tests/support/sanitized.h — is this the build of a sanitizer? Such a build is 5 to 20 times slower, and looks at memory and threads; what a
 * thousand equal steps add up to is for the plain build to show. */
#ifndef TESTS_SUPPORT_SANITIZED_H
#define TESTS_SUPPORT_SANITIZED_H

/* For cmocka_set_test_filter in programs whose other tests have one thread from beginning to end: the thread sanitizer would find nothing there, slowly. */
#define TESTS_WITH_THREADS "*same*bytes*"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif
#if defined(__SANITIZE_THREAD__)
enum { THREAD_SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { THREAD_SANITIZED = 1 };
#else
enum { THREAD_SANITIZED = 0 };
#endif
#else
enum { THREAD_SANITIZED = 0 };
#endif
#endif
