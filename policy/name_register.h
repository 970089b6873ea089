// Where each name that policy files declare was declared first.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/text/closest_name.h"
#include "base/text/printable.h"
#include "base/yaml/problem.h"
#include "policy/declarations.h"

namespace meshwarden {

// What has the name, and the file in which it stands. T is a DeclaredGroup, DeclaredAgent or
// DeclaredLauncher.
template <typename T>
struct Declared {
  const Declarations* file;
  const T* what;
};

// By name. The names are those of what is declared, which must outlive the register.
template <typename T>
using NameRegister = std::unordered_map<std::string_view, Declared<T>>;

// Notes `declared` under its `name`, and reports a name that another file has declared before; `kind` is
// "agent", "group". A name repeated in one file is a repeated key and has been reported as such.
template <typename T>
void NoteName(std::string_view kind, std::string_view name, Declared<T> declared, NameRegister<T>& known,
              ProblemList& problems) {
  const auto [first, is_new] = known.try_emplace(name, declared);
  if (is_new || first->second.file == declared.file) return;
  const Declared<T>& other = first->second;
  problems.Add(*declared.file->source, declared.what->place,
               fmt::format("{} {} stands twice, first at {}", kind, Quoted(name),
                           other.file->source->Locate(other.what->place).Format()),
               "keep one of them, or rename one");
}

// "did you mean X?", or nothing.
template <typename T>
std::string ClosestIn(std::string_view name, const NameRegister<T>& known) {
  std::vector<std::string_view> names;
  names.reserve(known.size());
  for (const auto& [candidate, declared] : known) names.push_back(candidate);
  std::sort(names.begin(), names.end());
  return DidYouMean(name, names);
}

}  // namespace meshwarden
