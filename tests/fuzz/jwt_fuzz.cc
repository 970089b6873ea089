// Keys and tokens from hostile bytes: as they are, and as claims inside a token with a good signature.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

// Any fixed keys will do: the fuzzer cannot guess a signature, so it is handed one.
struct Keys {
  KeyPair account;
  KeyPair user;
};

const Keys& FixedKeys() {
  static const Keys& keys =
      *new Keys{*KeyPair::Generate(NkeyKind::kAccount), *KeyPair::Generate(NkeyKind::kUser)};
  return keys;
}

std::string_view View(const Signature& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void CheckToken(std::string_view token) {
  const auto jwt = DecodeJwt(token);
  if (!jwt.ok()) {
    Require(!jwt.status().message().empty(), "an error says what is wrong");
    return;
  }
  Require(PublicNkey::Parse(jwt->claims.subject).ok(), "a subject is a key");
  Require(jwt->issuer == FixedKeys().account.public_key().text(), "nobody else signed");
  const auto again = EncodeJwt(jwt->claims, FixedKeys().account, jwt->issued_at);
  Require(again.ok(), "what was read can be written");
  const auto reread = DecodeJwt(*again);
  Require(reread.ok() && reread->claims.nats == jwt->claims.nats && reread->issued_at == jwt->issued_at &&
              reread->claims.expires == jwt->claims.expires,
          "what was written again reads the same");
}

// A signed token whose claims go on as the input says.
std::string SignedWith(std::string_view input) {
  const Keys& keys = FixedKeys();
  const std::string claims =
      "{\"iss\":\"" + keys.account.public_key().text() + "\",\"sub\":\"" + keys.user.public_key().text() +
      "\",\"iat\":1700000000,\"nats\":{\"type\":\"user\",\"version\":2" + std::string(input) + "}}";
  const std::string text =
      EncodeBase64Url(R"({"typ":"JWT","alg":"ed25519-nkey"})") + "." + EncodeBase64Url(claims);
  return text + "." + EncodeBase64Url(View(keys.account.Sign(text)));
}

void CheckKeys(std::string_view text) {
  const auto key = PublicNkey::Parse(text);
  Require(!key.ok() || key->text() == text, "a public key has one spelling");
  const auto pair = KeyPair::FromSeed(text);
  Require(!pair.ok() || pair->Seed().ExposeText() == text, "a seed has one spelling");
}

void CheckBase64(std::string_view text) {
  const auto bytes = DecodeBase64Url(text);
  Require(!bytes.ok() || EncodeBase64Url(*bytes) == text, "base64url has one spelling");
  const auto back = DecodeBase64Url(EncodeBase64Url(text));
  Require(back.ok() && *back == text, "what was written is read");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckToken(input);
  CheckToken(SignedWith(input));
  CheckKeys(input);
  CheckBase64(input);
  return 0;
}
