#include "policy/provision_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text/printable.h"
#include "policy/limits.h"
#include "policy/name_register.h"

namespace meshwarden {
namespace {

class ProvisionRules {
 public:
  ProvisionRules(std::span<const Declarations> files, ProblemList& problems)
      : files_(files), problems_(problems) {}

  void Check() {
    for (const Declarations& file : files_) {
      for (const DeclaredAgent& agent : file.agents) NoteAgent(file, agent);
    }
    for (const Declarations& file : files_) {
      for (const DeclaredLauncher& launcher : file.launchers) CheckLauncher(file, launcher);
    }
    CheckCount();
    if (std::all_of(files_.begin(), files_.end(), [](const auto& file) { return file.complete; }))
      CheckNames();
  }

 private:
  // Whose an id is.
  struct Owner {
    std::string_view kind;
    std::string_view name;
    const Declarations& file;
    Place place;
  };

  void NoteAgent(const Declarations& file, const DeclaredAgent& declared) {
    agents_.try_emplace(declared.agent.name, Declared<DeclaredAgent>{&file, &declared});
    if (!declared.agent.id) return;
    ids_.try_emplace(*declared.agent.id, Owner{"agent", declared.agent.name, file, declared.id_place});
  }

  void CheckLauncher(const Declarations& file, const DeclaredLauncher& declared) {
    const LauncherPolicy& launcher = declared.launcher;
    NoteName("launcher", launcher.name, {&file, &declared}, launchers_, problems_);
    if (launcher.id.empty()) return;
    const auto [first, is_new] =
        ids_.try_emplace(launcher.id, Owner{"launcher", launcher.name, file, declared.id_place});
    if (is_new) return;
    const Owner& other = first->second;
    if (other.kind == "launcher" && other.name == launcher.name) return;  // told as a repeated name
    problems_.Add(*file.source, declared.id_place,
                  fmt::format("launcher {} has the id of {} {} at {}", launcher.name, other.kind, other.name,
                              other.file.source->Locate(other.place).Format()),
                  "give each an identity of its own: meshwarden creds mint --profile launcher");
  }

  void CheckCount() {
    if (launchers_.size() <= kMaxPolicyLaunchers) return;
    problems_.AddForFile(
        *files_[0].source->name(), 0,
        fmt::format("{} launchers are more than the {} allowed", launchers_.size(), kMaxPolicyLaunchers),
        "divide them among several spaces");
  }

  void CheckNames() {
    for (const Declarations& file : files_) {
      for (const DeclaredAgent& declared : file.agents) CheckNamesOf(file, declared.agent.may_provision);
      for (const DeclaredLauncher& declared : file.launchers) {
        CheckNamesOf(file, declared.launcher.may_provision);
      }
    }
  }

  void CheckNamesOf(const Declarations& file, const std::vector<NamedPlace>& may_provision) {
    for (const NamedPlace& named : may_provision) {
      if (agents_.count(named.name) > 0 || problems_.full()) continue;
      std::string suggestion = ClosestIn(named.name, agents_);
      if (suggestion.empty()) suggestion = "it must stand under agents";
      problems_.Add(
          *file.source, named.place,
          fmt::format("mayProvision names {}, which is no agent of this policy", Quoted(named.name)),
          std::move(suggestion));
    }
  }

  std::span<const Declarations> files_;
  ProblemList& problems_;
  NameRegister<DeclaredAgent> agents_;
  NameRegister<DeclaredLauncher> launchers_;
  std::unordered_map<std::string_view, Owner> ids_;
};

}  // namespace

void CheckProvisionRules(std::span<const Declarations> files, ProblemList& problems) {
  ProvisionRules(files, problems).Check();
}

}  // namespace meshwarden
