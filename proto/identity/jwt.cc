#include "proto/identity/jwt.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"

namespace meshwarden {
namespace {

constexpr std::string_view kHeader = R"({"typ":"JWT","alg":"ed25519-nkey"})";
constexpr JsonLimits kHeaderLimits = {.max_bytes = 256, .max_depth = 1, .max_values = 4};
constexpr JsonLimits kClaimsLimits = {.max_bytes = kMaxJwtBytes, .max_depth = 12, .max_values = 50'000};
constexpr std::int64_t kVersion = 2;
// The last second of the year 2199: far within what SystemTime holds.
constexpr std::int64_t kLastSecond = 7'258'118'399;

absl::Status Malformed(std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("jwt: {}", problem));
}

SystemTime FromSeconds(std::int64_t seconds) { return SystemTime(std::chrono::seconds(seconds)); }

std::int64_t ToSeconds(SystemTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

absl::Status CheckSeconds(std::int64_t seconds, std::string_view key) {
  if (seconds > 0 && seconds <= kLastSecond) return absl::OkStatus();
  return Malformed(fmt::format("\"{}\" is no time between 1970 and 2199: {}", key, seconds));
}

// What a type of JWT is about, and who may sign it.
struct JwtRule {
  std::string_view type;
  NkeyKind subject;
  bool (*may_sign)(NkeyKind issuer);
};

bool IsOperator(NkeyKind kind) { return kind == NkeyKind::kOperator; }
bool IsAccount(NkeyKind kind) { return kind == NkeyKind::kAccount; }
bool IsOperatorOrAccount(NkeyKind kind) { return IsOperator(kind) || IsAccount(kind); }

constexpr std::array kRules = {
    JwtRule{"operator", NkeyKind::kOperator, IsOperator},
    JwtRule{"account", NkeyKind::kAccount, IsOperatorOrAccount},
    JwtRule{"user", NkeyKind::kUser, IsAccount},
};

absl::StatusOr<JwtRule> RuleFor(const Json& nats) {
  MW_ASSIGN_OR_RETURN(const std::string type, RequiredString(nats, "type"));
  for (const JwtRule& rule : kRules) {
    if (rule.type == type) return rule;
  }
  return Malformed(fmt::format("type {} is not operator, account or user", Quoted(type)));
}

// What holds of every token, made here or read.
absl::Status CheckClaims(const JwtClaims& claims, NkeyKind issuer) {
  if (!claims.nats.is_object()) return Malformed("\"nats\" must be an object");
  MW_ASSIGN_OR_RETURN(const JwtRule rule, RuleFor(claims.nats));
  MW_ASSIGN_OR_RETURN(const std::int64_t version, RequiredInteger(claims.nats, "version"));
  if (version != kVersion) return Malformed(fmt::format("version {} is not {}", version, kVersion));
  if (!rule.may_sign(issuer)) {
    return Malformed(
        fmt::format("a key that begins with {} cannot sign for a type {}", PrefixOf(issuer), rule.type));
  }
  absl::StatusOr<PublicNkey> subject = PublicNkey::ParseAs(rule.subject, claims.subject);
  return Annotate(subject.status(), "jwt: subject");
}

// The claims as JSON without "jti", in the order of the peers' encoder.
Json ToJson(const JwtClaims& claims, const std::string& issuer, std::int64_t issued_at) {
  Json json = Json::object();
  if (claims.expires) json["exp"] = ToSeconds(*claims.expires);
  if (claims.not_before) json["nbf"] = ToSeconds(*claims.not_before);
  json["aud"] = "NATS";
  json["name"] = claims.name;
  json["sub"] = claims.subject;
  json["nats"] = claims.nats;
  json["iss"] = issuer;
  json["iat"] = issued_at;
  return json;
}

std::string HashOf(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha512_BYTES> hash{};
  crypto_hash_sha512(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::string encoded(sodium_base64_ENCODED_LEN(hash.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(), hash.data(), hash.size(), sodium_base64_VARIANT_ORIGINAL);
  encoded.pop_back();  // the terminating NUL
  return encoded;
}

bool IsBase64Url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

struct TokenParts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
  std::string_view signed_text;  // header and claims with the dot between them
};

absl::StatusOr<TokenParts> Split(std::string_view token) {
  if (token.size() > kMaxJwtBytes) {
    return Malformed(fmt::format("{} bytes is longer than the {} allowed", token.size(), kMaxJwtBytes));
  }
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == last || token.find('.', first + 1) != last) {
    return Malformed("not three parts with dots between them");
  }
  return TokenParts{.header = token.substr(0, first),
                    .claims = token.substr(first + 1, last - first - 1),
                    .signature = token.substr(last + 1),
                    .signed_text = token.substr(0, last)};
}

absl::StatusOr<Json> DecodePart(std::string_view part, const JsonLimits& limits, std::string_view name) {
  absl::StatusOr<std::string> text = DecodeBase64Url(part);
  if (!text.ok()) return Annotate(text.status(), fmt::format("jwt: {}", name));
  absl::StatusOr<Json> json = ParseJsonObject(*text, limits);
  if (!json.ok()) return Annotate(json.status(), fmt::format("jwt: {}", name));
  return json;
}

absl::Status CheckHeader(const Json& header) {
  const auto typ = header.find("typ");
  const auto alg = header.find("alg");
  if (header.size() != 2 || typ == header.end() || alg == header.end() || *typ != "JWT" ||
      *alg != "ed25519-nkey") {
    return Malformed(fmt::format("header is not {}", kHeader));
  }
  return absl::OkStatus();
}

absl::StatusOr<PublicNkey> CheckSignature(const TokenParts& parts, const Json& claims) {
  absl::StatusOr<std::string> issuer = RequiredString(claims, "iss");
  if (!issuer.ok()) return Annotate(issuer.status(), "jwt");
  absl::StatusOr<PublicNkey> key = PublicNkey::Parse(*issuer);
  if (!key.ok()) return Annotate(key.status(), "jwt: issuer");
  absl::StatusOr<std::string> signature = DecodeBase64Url(parts.signature);
  if (!signature.ok()) return Annotate(signature.status(), "jwt: signature");
  if (!key->Verify(parts.signed_text,
                   {reinterpret_cast<const unsigned char*>(signature->data()), signature->size()})) {
    return Malformed("signature is not the issuer's");
  }
  return key;
}

absl::StatusOr<SystemTime> ReadTime(const Json& claims, const char* key) {
  absl::StatusOr<std::int64_t> seconds = RequiredInteger(claims, key);
  if (!seconds.ok()) return Annotate(seconds.status(), "jwt");
  MW_RETURN_IF_ERROR(CheckSeconds(*seconds, key));
  return FromSeconds(*seconds);
}

absl::StatusOr<JwtClaims> ReadClaims(const Json& json) {
  JwtClaims claims;
  MW_ASSIGN_OR_RETURN(claims.subject, RequiredString(json, "sub"));
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> name, OptionalString(json, "name"));
  claims.name = name.value_or("");
  const auto nats = json.find("nats");
  if (nats == json.end()) return Malformed("field \"nats\" is missing");
  claims.nats = *nats;
  if (json.contains("exp")) {
    MW_ASSIGN_OR_RETURN(claims.expires, ReadTime(json, "exp"));
  }
  if (json.contains("nbf")) {
    MW_ASSIGN_OR_RETURN(claims.not_before, ReadTime(json, "nbf"));
  }
  return claims;
}

}  // namespace

absl::StatusOr<std::string> EncodeJwt(const JwtClaims& claims, const KeyPair& issuer, SystemTime issued_at) {
  MW_RETURN_IF_ERROR(CheckClaims(claims, issuer.public_key().kind()));
  MW_RETURN_IF_ERROR(CheckSeconds(ToSeconds(issued_at), "iat"));
  if (claims.expires) MW_RETURN_IF_ERROR(CheckSeconds(ToSeconds(*claims.expires), "exp"));
  if (claims.not_before) MW_RETURN_IF_ERROR(CheckSeconds(ToSeconds(*claims.not_before), "nbf"));
  Json json = ToJson(claims, issuer.public_key().text(), ToSeconds(issued_at));
  json["jti"] = HashOf(DumpJson(json));
  std::string token = EncodeBase64Url(kHeader) + "." + EncodeBase64Url(DumpJson(json));
  const Signature signature = issuer.Sign(token);
  token += "." + EncodeBase64Url({reinterpret_cast<const char*>(signature.data()), signature.size()});
  if (token.size() > kMaxJwtBytes) {
    return Malformed(fmt::format("{} bytes is longer than the {} allowed; name fewer channels", token.size(),
                                 kMaxJwtBytes));
  }
  return token;
}

bool HasExpired(const JwtClaims& claims, SystemTime now) { return claims.expires && now >= *claims.expires; }

absl::StatusOr<DecodedJwt> DecodeJwt(std::string_view token) {
  MW_ASSIGN_OR_RETURN(const TokenParts parts, Split(token));
  DecodedJwt decoded;
  MW_ASSIGN_OR_RETURN(decoded.raw_header, DecodePart(parts.header, kHeaderLimits, "header"));
  MW_RETURN_IF_ERROR(CheckHeader(decoded.raw_header));
  MW_ASSIGN_OR_RETURN(decoded.raw_claims, DecodePart(parts.claims, kClaimsLimits, "claims"));
  MW_ASSIGN_OR_RETURN(const PublicNkey issuer, CheckSignature(parts, decoded.raw_claims));
  decoded.issuer = issuer.text();
  MW_ASSIGN_OR_RETURN(decoded.claims, ReadClaims(decoded.raw_claims));
  MW_RETURN_IF_ERROR(CheckClaims(decoded.claims, issuer.kind()));
  MW_ASSIGN_OR_RETURN(decoded.issued_at, ReadTime(decoded.raw_claims, "iat"));
  return decoded;
}

std::string EncodeBase64Url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // the terminating NUL
  return text;
}

absl::StatusOr<std::string> DecodeBase64Url(std::string_view text) {
  // sodium takes some bytes above ASCII for letters, so they are looked at first.
  const bool of_the_alphabet = std::all_of(text.begin(), text.end(), IsBase64Url);
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  // Without a place to store where it stopped, sodium refuses whatever it has not read to the end.
  if (!of_the_alphabet || sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                            text.data(), text.size(), nullptr, &size, nullptr,
                                            sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return absl::InvalidArgumentError("not base64url without padding");
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace meshwarden
