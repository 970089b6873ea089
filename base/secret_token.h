// Tokens of a subject that keep it from being guessed: whoever does not know one can aim nothing at what lies
// behind it. They are secrets, though they travel in grants and subjects: mask them in all that people read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meshwarden {

// In characters of base32 (A-Z, 2-7): 130 bits.
inline constexpr std::size_t kSecretTokenLength = 26;

// A new one, from the system's randomness.
std::string MakeSecretToken();

// Whether `text` has the form of one.
bool IsSecretToken(std::string_view text);

// `text` with "***" for each word in it that has the form of one; a word is all of the letters, digits, '_'
// and
// '-' that stand together. For texts of any origin.
std::string MaskSecretTokens(std::string_view text);

}  // namespace meshwarden
