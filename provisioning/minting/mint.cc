#include "provisioning/minting/mint.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "proto/identity/secret_text.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kIssuerLimits = {.max_bytes = kMaxIssuerBytes, .max_depth = 8, .max_values = 1000};
constexpr std::size_t kSeedLength = 58;
constexpr std::chrono::hours kLongestLifetime{24 * 365 * 100};  // sums with it stay within SystemTime

bool LooksLikeSeed(std::string_view text) {
  return text.size() == kSeedLength && text.front() == 'S' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); });
}

// A JSON text with blanks in place of the seeds, so that a parser does not copy them about.
struct Blanked {
  Secret text;
  std::vector<std::string_view> seeds;  // where they are in the original
};

Blanked BlankSeeds(std::string_view json) {
  Blanked blanked{.text = Secret::CopyOf(json), .seeds = {}};
  for (std::size_t quote = 0; (quote = json.find('"', quote)) != std::string_view::npos; ++quote) {
    const std::string_view value = json.substr(quote + 1, kSeedLength);
    if (!LooksLikeSeed(value)) continue;
    blanked.seeds.push_back(value);
    std::ranges::fill(blanked.text.Expose().subspan(quote + 1, kSeedLength), ' ');
  }
  return blanked;
}

absl::Status NotAnIssuer(std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("issuer: {}", problem));
}

absl::StatusOr<KeyPair> ReadSigningKey(const Json& account, const Blanked& blanked) {
  if (blanked.seeds.size() > 1) {
    return NotAnIssuer(
        fmt::format("holds {} seeds; a party that mints may hold the account's signing key only, not the "
                    "operator's or the account's own: take the others out",
                    blanked.seeds.size()));
  }
  MW_ASSIGN_OR_RETURN(const std::string signing_seed, RequiredString(account, "signingSeed"));
  if (blanked.seeds.empty() || signing_seed != std::string(kSeedLength, ' ')) {
    return NotAnIssuer("\"signingSeed\" of \"account\" is no seed of 58 characters");
  }
  absl::StatusOr<KeyPair> signing_key = KeyPair::FromSeed(blanked.seeds.front());
  if (!signing_key.ok()) return Annotate(signing_key.status(), "issuer: signingSeed");
  return signing_key;
}

// The peers' form names the signing key's public half; theirs is empty when it was stripped.
absl::Status CheckSigningPub(const Json& account, const KeyPair& signing_key) {
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> pub, OptionalString(account, "signingPub"));
  if (!pub || pub->empty() || *pub == signing_key.public_key().text()) return absl::OkStatus();
  return NotAnIssuer("\"signingPub\" does not belong to \"signingSeed\"");
}

Json ToJson(const SubjectRules& rules) {
  Json json{{"allow", rules.allow}};
  if (!rules.deny.empty()) json["deny"] = rules.deny;
  return json;
}

// The "nats" claim in the order of the peers' encoder.
Json NatsClaims(Profile profile, const Permissions& permissions, const PublicNkey& account) {
  Json nats{{"data", -1}, {"payload", -1}, {"subs", -1}};
  const bool publish_first = profile == Profile::kAgent;
  if (publish_first && permissions.publish) nats["pub"] = ToJson(*permissions.publish);
  if (permissions.subscribe) nats["sub"] = ToJson(*permissions.subscribe);
  if (!publish_first && permissions.publish) nats["pub"] = ToJson(*permissions.publish);
  nats["issuer_account"] = account.text();
  nats["type"] = "user";
  nats["version"] = 2;
  return nats;
}

absl::Status CheckOptions(const Issuer& issuer, const MintOptions& options) {
  MW_RETURN_IF_ERROR(Annotate(PublicNkey::ParseAs(NkeyKind::kUser, options.permissions.id).status(),
                              "cannot mint: identity"));
  if (options.permissions.space != issuer.space()) {
    return absl::InvalidArgumentError(fmt::format("cannot mint: the issuer is of space \"{}\", not \"{}\"",
                                                  issuer.space(), options.permissions.space));
  }
  if (options.ttl && (options.ttl->count() <= 0 || *options.ttl > kLongestLifetime)) {
    return absl::InvalidArgumentError(
        fmt::format("cannot mint: a lifetime of {} s is not between one second and a hundred years",
                    options.ttl->count()));
  }
  return absl::OkStatus();
}

}  // namespace

Issuer::Issuer(std::string space, PublicNkey account, KeyPair signing_key)
    : space_(std::move(space)), account_(std::move(account)), signing_key_(std::move(signing_key)) {}

absl::StatusOr<Issuer> Issuer::Make(std::string space, PublicNkey account, KeyPair signing_key) {
  if (space.empty()) return NotAnIssuer("\"space\" is empty");
  if (account.kind() != NkeyKind::kAccount) return NotAnIssuer("\"pub\" is not an account's key");
  if (signing_key.public_key().kind() != NkeyKind::kAccount) {
    return NotAnIssuer("\"signingSeed\" is not an account's, which begins with SA");
  }
  if (signing_key.public_key() == account) {
    return NotAnIssuer("\"signingSeed\" is the account's own seed; use one of its signing keys");
  }
  return Issuer(std::move(space), std::move(account), std::move(signing_key));
}

absl::StatusOr<Issuer> Issuer::Parse(std::string_view json) {
  if (json.size() > kMaxIssuerBytes) {
    return NotAnIssuer(fmt::format("{} bytes is longer than the {} allowed", json.size(), kMaxIssuerBytes));
  }
  const Blanked blanked = BlankSeeds(json);
  absl::StatusOr<Json> document = ParseJsonObject(blanked.text.ExposeText(), kIssuerLimits);
  if (!document.ok()) return Annotate(document.status(), "issuer");
  const auto account = document->find("account");
  if (account == document->end() || !account->is_object())
    return NotAnIssuer("\"account\" must be an object");
  MW_ASSIGN_OR_RETURN(std::string space, RequiredString(*document, "space"));
  MW_ASSIGN_OR_RETURN(const std::string pub, RequiredString(*account, "pub"));
  absl::StatusOr<PublicNkey> account_key = PublicNkey::ParseAs(NkeyKind::kAccount, pub);
  if (!account_key.ok()) return Annotate(account_key.status(), "issuer: \"pub\" of \"account\"");
  MW_ASSIGN_OR_RETURN(KeyPair signing_key, ReadSigningKey(*account, blanked));
  MW_RETURN_IF_ERROR(CheckSigningPub(*account, signing_key));
  return Make(std::move(space), *std::move(account_key), std::move(signing_key));
}

absl::StatusOr<Issuer> Issuer::Load(const std::string& path) {
  MW_ASSIGN_OR_RETURN(const Secret text, ReadSecretFile(path, kMaxIssuerBytes));
  absl::StatusOr<Issuer> issuer = Parse(text.ExposeText());
  if (!issuer.ok()) return Annotate(issuer.status(), path);
  return issuer;
}

Secret Issuer::Format() const {
  const std::string head = fmt::format(R"({{"space":{},"account":{{"pub":"{}","signingSeed":")",
                                       DumpJson(Json(space_)), account_.text());
  const Secret seed = signing_key_.Seed();
  return JoinSecret({head, seed.ExposeText(), "\"}}\n"});
}

absl::StatusOr<std::string> MintUserJwt(const Issuer& issuer, const MintOptions& options,
                                        const Clock& clock) {
  MW_RETURN_IF_ERROR(CheckOptions(issuer, options));
  MW_ASSIGN_OR_RETURN(const Permissions permissions, PermissionsOf(options.profile, options.permissions));
  const SystemTime now = clock.Now();
  JwtClaims claims{.subject = options.permissions.id,
                   .name = options.name.empty() ? std::string(NameOf(options.profile)) : options.name,
                   .nats = NatsClaims(options.profile, permissions, issuer.account()),
                   .expires = std::nullopt};
  if (options.ttl) claims.expires = now + *options.ttl;
  return EncodeJwt(claims, issuer.signing_key(), now);
}

absl::StatusOr<Creds> MintCreds(const Issuer& issuer, MintOptions options, KeyPair user, const Clock& clock) {
  options.permissions.id = user.public_key().text();
  MW_ASSIGN_OR_RETURN(std::string jwt, MintUserJwt(issuer, options, clock));
  return Creds::Make(std::move(jwt), std::move(user));
}

}  // namespace meshwarden
