#include "policy/loader.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/yaml/limits.h"
#include "base/yaml/source_text.h"
#include "policy/declarations.h"
#include "policy/file_reader.h"
#include "policy/pattern_table.h"
#include "policy/resolver.h"

namespace meshwarden {
namespace {

namespace fs = std::filesystem;

// How much of the hash names a revision.
constexpr std::size_t kRevisionBytes = 8;

struct NamedText {
  std::string name;
  std::string_view text;
};

// Hashes with its length before it, so that no two lists of texts are the same bytes.
void HashText(crypto_hash_sha256_state& state, std::string_view text) {
  std::array<unsigned char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(text.size()) >> (8 * i) & 0xFFU);
  }
  crypto_hash_sha256_update(&state, length.data(), length.size());
  crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

// Of the names without their folder: the same files elsewhere are the same policy.
std::string RevisionOf(std::span<const NamedText> files) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const NamedText& file : files) {
    HashText(state, fs::path(file.name).filename().string());
    HashText(state, file.text);
  }
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256_final(&state, hash.data());
  return fmt::format("{:02x}", fmt::join(std::span(hash).first(kRevisionBytes), ""));
}

PolicyLoadResult Failed(ProblemList problems) { return {nullptr, std::move(problems).Take()}; }

PolicyLoadResult LoadTexts(std::span<const NamedText> files, ProblemList problems) {
  std::vector<SourceText> sources;
  sources.reserve(files.size());
  for (const NamedText& file : files) {
    sources.emplace_back(file.name, file.text, static_cast<int>(sources.size()));
  }
  std::vector<Declarations> declarations;
  declarations.reserve(files.size());
  PatternTable patterns;
  for (const SourceText& source : sources) {
    declarations.push_back(ReadDeclarations(source, patterns, problems));
  }
  ResolvedPolicy resolved = ResolveDeclarations(declarations, problems);
  if (problems.count() > 0) return Failed(std::move(problems));
  auto policy = Policy::Create(std::move(resolved.space), RevisionOf(files), std::move(resolved.agents),
                               std::move(resolved.launchers));
  if (!policy.ok()) {
    problems.AddForFile(files[0].name, 0, MessageOf(policy.status()));
    return Failed(std::move(problems));
  }
  return {*std::move(policy), {}};
}

bool IsPolicyFile(const fs::directory_entry& entry) {
  const fs::path name = entry.path().filename();
  if (name.string().front() == '.') return false;
  std::error_code error;
  return (name.extension() == ".yaml" || name.extension() == ".yml") && !entry.is_directory(error);
}

// The policy files of a folder in the order of their names, or what is wrong with the folder.
absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (IsPolicyFile(*entry)) paths.push_back(entry->path().string());
    if (paths.size() > kMaxPolicyFiles) {
      return absl::InvalidArgumentError(fmt::format("more than {} policy files", kMaxPolicyFiles));
    }
  }
  if (error) return absl::UnavailableError("cannot read the folder: " + error.message());
  if (paths.empty()) return absl::NotFoundError("no *.yaml or *.yml file in this folder");
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The files' texts in the order of `paths`; what cannot be read is reported and left empty.
std::vector<std::string> ReadTexts(std::span<const std::string> paths, ProblemList& problems) {
  std::vector<std::string> texts(paths.size());
  std::size_t left = kMaxPolicyBytes;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    absl::StatusOr<std::string> text = ReadFile(paths[i], std::min(kMaxYamlFileBytes, left));
    if (!text.ok()) {
      problems.AddForFile(paths[i], static_cast<int>(i), MessageOf(text.status()));
      continue;
    }
    left -= text->size();
    texts[i] = *std::move(text);
  }
  return texts;
}

}  // namespace

absl::Status PolicyLoadResult::ToStatus() const {
  if (problems.empty()) return absl::OkStatus();
  std::vector<std::string> paragraphs;
  for (const SourceProblem& problem : problems) paragraphs.push_back(problem.Format());
  return absl::InvalidArgumentError(fmt::format("{}", fmt::join(paragraphs, "\n\n")));
}

PolicyLoadResult LoadPolicy(const std::string& path) {
  ProblemList problems;
  std::vector<std::string> paths = {path};
  std::error_code error;
  if (fs::is_directory(path, error)) {
    absl::StatusOr<std::vector<std::string>> files = FilesOf(path);
    if (!files.ok()) {
      problems.AddForFile(path, 0, MessageOf(files.status()));
      return Failed(std::move(problems));
    }
    paths = *std::move(files);
  }
  const std::vector<std::string> texts = ReadTexts(paths, problems);
  if (problems.count() > 0) return Failed(std::move(problems));
  std::vector<NamedText> files;
  for (std::size_t i = 0; i < paths.size(); ++i) files.push_back({paths[i], texts[i]});
  return LoadTexts(files, std::move(problems));
}

PolicyLoadResult ParsePolicy(std::string_view yaml, const std::string& name) {
  const NamedText file{name, yaml};
  return LoadTexts({&file, 1}, ProblemList());
}

}  // namespace meshwarden
