// Creds files and issuers from hostile text. The fuzzer can guess neither a seed nor a token, so it may ask
// for good ones: "@s" and "@a" stand for a user's and an account's seed, "@p" for an account's key, "@j" for
// a token.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

struct Material {
  std::string user_seed;
  std::string user_id;
  std::string account_seed;
  std::string account_id;
  std::string token;
};

std::string SeedOf(const KeyPair& pair) { return std::string(pair.Seed().ExposeText()); }

Material MakeMaterial() {
  const KeyPair account = *KeyPair::Generate(NkeyKind::kAccount);
  const KeyPair user = *KeyPair::Generate(NkeyKind::kUser);
  KeyPair signing = *KeyPair::Generate(NkeyKind::kAccount);
  Material material;
  material.user_seed = SeedOf(user);
  material.user_id = user.public_key().text();
  material.account_seed = SeedOf(signing);
  material.account_id = account.public_key().text();
  const Issuer issuer = *Issuer::Make("main", account.public_key(), std::move(signing));
  MintOptions options;
  options.permissions.space = "main";
  options.permissions.id = material.user_id;
  material.token = *MintUserJwt(issuer, options, Clock::System());
  return material;
}

const Material& FixedMaterial() {
  static const Material& material = *new Material(MakeMaterial());
  return material;
}

std::string Expand(std::string_view input) {
  const Material& material = FixedMaterial();
  std::string text;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const char next = input[i] == '@' && i + 1 < input.size() ? input[i + 1] : '\0';
    if (next == 's') text += material.user_seed;
    if (next == 'a') text += material.account_seed;
    if (next == 'p') text += material.account_id;
    if (next == 'j') text += material.token;
    if (next == 's' || next == 'a' || next == 'p' || next == 'j') {
      ++i;
    } else {
      text.push_back(input[i]);
    }
  }
  return text;
}

void RequireNoSeedIn(std::string_view message) {
  const Material& material = FixedMaterial();
  Require(!message.empty(), "an error says what is wrong");
  Require(message.find(material.user_seed) == std::string_view::npos &&
              message.find(material.account_seed) == std::string_view::npos,
          "an error quotes no seed");
}

void CheckCreds(const std::string& text) {
  const auto creds = Creds::Parse(text);
  if (!creds.ok()) return RequireNoSeedIn({creds.status().message().data(), creds.status().message().size()});
  Require(creds->id() == FixedMaterial().user_id, "nobody else's creds are made up");
  const Secret written = creds->Format();
  const auto again = Creds::Parse(written.ExposeText());
  Require(again.ok() && again->jwt() == creds->jwt() && again->id() == creds->id(),
          "what was written is read");
}

void CheckIssuer(const std::string& text) {
  const auto issuer = Issuer::Parse(text);
  if (!issuer.ok())
    return RequireNoSeedIn({issuer.status().message().data(), issuer.status().message().size()});
  const Secret written = issuer->Format();
  const auto again = Issuer::Parse(written.ExposeText());
  Require(again.ok() && again->space() == issuer->space() && again->account() == issuer->account(),
          "what was written is read");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string text = Expand(input);
  CheckCreds(text);
  CheckCreds("-----BEGIN NATS USER JWT-----\n" + Expand("@j") + "\n------END NATS USER JWT------\n" + text);
  CheckIssuer(text);
  CheckIssuer(Expand(R"({"space":"main","account":{"pub":"@p","signingSeed":"@a")") + text + "}}");
  return 0;
}
