// Whether this is a sanitizer build, in which programs hold on to freed memory and run several times slower.
#pragma once

namespace meshwarden::testing {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MW_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MW_SANITIZED 1
#endif

#if defined(MW_SANITIZED)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// How much more memory a process under test may hold after a test than before: `bytes`, or what a sanitizer
// keeps for itself.
constexpr unsigned long MemoryAllowance(unsigned long bytes) { return kSanitized ? 1UL << 30 : bytes; }

}  // namespace meshwarden::testing
