#include "base/secret_token.h"

#include <sodium.h>

#include <algorithm>

namespace meshwarden {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kMask = "***";

bool IsOfAlphabet(char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); }

bool IsOfAWord(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string MakeSecretToken() {
  std::string token(kSecretTokenLength, '\0');
  for (char& c : token) c = kAlphabet[randombytes_uniform(kAlphabet.size())];
  return token;
}

bool IsSecretToken(std::string_view text) {
  return text.size() == kSecretTokenLength && std::all_of(text.begin(), text.end(), IsOfAlphabet);
}

std::string MaskSecretTokens(std::string_view text) {
  std::string masked;
  masked.reserve(text.size());
  while (!text.empty()) {
    const auto begin = std::find_if(text.begin(), text.end(), IsOfAWord);
    const auto end = std::find_if_not(begin, text.end(), IsOfAWord);
    masked.append(text.begin(), begin);
    const std::string_view word(begin, end);
    masked.append(IsSecretToken(word) ? kMask : word);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  return masked;
}

}  // namespace meshwarden
