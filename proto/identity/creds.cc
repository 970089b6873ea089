#include "proto/identity/creds.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/status.h"
#include "proto/identity/secret_text.h"

namespace meshwarden {
namespace {

constexpr std::string_view kJwtLabel = "NATS USER JWT";
constexpr std::string_view kSeedLabel = "USER NKEY SEED";

// Everything here works on views into the caller's memory: a string would be a copy of the seed that nobody
// wipes.
std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Takes the first line off `rest`, trimmed; so CRLF is LF.
std::string_view NextLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return Trim(line);
}

// True for "-----<word> <label>-----"; writers disagree about the number of dashes, three are enough.
bool IsMarker(std::string_view line, std::string_view word, std::string_view label) {
  const std::size_t first = line.find_first_not_of('-');
  if (first == std::string_view::npos || first < 3) return false;
  const std::size_t last = line.find_last_not_of('-') + 1;
  if (line.size() - last < 3) return false;
  const std::string_view text = line.substr(first, last - first);
  return text.size() == word.size() + 1 + label.size() && text.starts_with(word) &&
         text[word.size()] == ' ' && text.ends_with(label);
}

enum class BlockProblem { kMissing, kRepeated, kMalformed };

struct Block {
  std::string_view body;
  std::optional<BlockProblem> problem;
};

// The one line between the markers of `label`.
Block FindBlock(std::string_view text, std::string_view label) {
  Block found{.body = {}, .problem = BlockProblem::kMissing};
  while (!text.empty()) {
    if (!IsMarker(NextLine(text), "BEGIN", label)) continue;
    if (found.problem != BlockProblem::kMissing) return {.body = {}, .problem = BlockProblem::kRepeated};
    found.body = NextLine(text);
    const bool closed = !found.body.empty() && IsMarker(NextLine(text), "END", label);
    found.problem = closed ? std::nullopt : std::optional(BlockProblem::kMalformed);
  }
  return found;
}

absl::StatusOr<std::string_view> RequireBlock(std::string_view text, std::string_view label,
                                              std::string_view name) {
  const Block block = FindBlock(text, label);
  if (!block.problem) return block.body;
  switch (*block.problem) {
    case BlockProblem::kMissing:
      break;
    case BlockProblem::kRepeated:
      return absl::InvalidArgumentError(fmt::format("creds: more than one {} block", name));
    case BlockProblem::kMalformed:
      return absl::InvalidArgumentError(
          fmt::format("creds: the {} block is not one line between its BEGIN and END", name));
  }
  return absl::InvalidArgumentError(fmt::format("creds: no {} block found", name));
}

}  // namespace

Creds::Creds(std::string jwt, DecodedJwt decoded, KeyPair user)
    : jwt_(std::move(jwt)), decoded_(std::move(decoded)), user_(std::move(user)) {}

absl::StatusOr<Creds> Creds::Parse(std::string_view text) {
  if (text.size() > kMaxCredsBytes) {
    return absl::InvalidArgumentError(
        fmt::format("creds: {} bytes is longer than the {} allowed", text.size(), kMaxCredsBytes));
  }
  MW_ASSIGN_OR_RETURN(const std::string_view seed, RequireBlock(text, kSeedLabel, "user nkey seed"));
  MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::FromSeed(seed));
  MW_ASSIGN_OR_RETURN(const std::string_view jwt, RequireBlock(text, kJwtLabel, "user JWT"));
  return Make(std::string(jwt), std::move(user));
}

absl::StatusOr<Creds> Creds::Load(const std::string& path) {
  MW_ASSIGN_OR_RETURN(const Secret text, ReadSecretFile(path, kMaxCredsBytes));
  absl::StatusOr<Creds> creds = Parse(text.ExposeText());
  if (!creds.ok()) return Annotate(creds.status(), path);
  return creds;
}

absl::StatusOr<Creds> Creds::Make(std::string jwt, KeyPair user) {
  if (user.public_key().kind() != NkeyKind::kUser) {
    return absl::InvalidArgumentError("creds: the seed is not a user's, which begins with SU");
  }
  absl::StatusOr<DecodedJwt> decoded = DecodeJwt(jwt);
  if (!decoded.ok()) return Annotate(decoded.status(), "creds");
  const std::string& id = user.public_key().text();
  if (id != decoded->claims.subject) {
    return absl::InvalidArgumentError(
        fmt::format("creds: seed identity {} != JWT subject {}", id, decoded->claims.subject));
  }
  return Creds(std::move(jwt), *std::move(decoded), std::move(user));
}

Secret Creds::Format() const {
  const Secret seed = user_.Seed();
  return JoinSecret({"-----BEGIN NATS USER JWT-----\n", jwt_,
                     "\n------END NATS USER JWT------\n\n"
                     "************************* IMPORTANT *************************\n"
                     "NKEY Seed printed below can be used sign and prove identity.\n"
                     "NKEYs are sensitive and should be treated as secrets.\n\n"
                     "-----BEGIN USER NKEY SEED-----\n",
                     seed.ExposeText(), "\n------END USER NKEY SEED------\n"});
}

absl::Status Creds::Save(const std::string& path, IfExists if_exists) const {
  const Secret text = Format();
  return WriteFile(path, text.ExposeText(), {.mode = FileMode::kOwnerOnly, .if_exists = if_exists});
}

}  // namespace meshwarden
