#include "proto/unknown_fields.h"

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

using Fields = Json::object_t;

}  // namespace

Json TakeUnknownFields(Json& object, std::initializer_list<std::string_view> known) {
  const auto is_known = [known](const Fields::value_type& field) {
    return std::find(known.begin(), known.end(), field.first) != known.end();
  };
  auto& fields = object.get_ref<Fields&>();
  const auto kept = static_cast<std::size_t>(std::count_if(fields.begin(), fields.end(), is_known));
  Json unknown = Json::object();
  if (kept == fields.size()) return unknown;
  auto& taken = unknown.get_ref<Fields&>();
  taken.reserve(fields.size() - kept);
  Fields rest;
  rest.reserve(kept);
  for (Fields::value_type& field : fields) {
    // Not emplace, which looks for the key first: they are all different.
    (is_known(field) ? rest : taken).emplace_back(field.first, std::move(field.second));
  }
  fields.swap(rest);
  return unknown;
}

Json ObjectWithRoom(std::size_t known, const Json& unknown) {
  Json object = Json::object();
  object.get_ref<Fields&>().reserve(known + unknown.size());
  return object;
}

void AppendUnknownFields(const Json& unknown, Json& target) {
  if (!unknown.is_object()) return;
  auto& fields = target.get_ref<Fields&>();
  const std::size_t known = fields.size();
  fields.reserve(known + unknown.size());
  for (const auto& [key, value] : unknown.get_ref<const Fields&>()) {
    // Those appended so far are not looked at: no two of `unknown` are alike.
    const auto end = fields.begin() + static_cast<std::ptrdiff_t>(known);
    const auto same_key = [&name = key](const Fields::value_type& field) { return field.first == name; };
    if (std::none_of(fields.begin(), end, same_key)) fields.emplace_back(key, value);
  }
}

}  // namespace meshwarden
