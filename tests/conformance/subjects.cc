#include "tests/conformance/subjects.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proto/channel_pattern.h"
#include "proto/duration.h"
#include "proto/mentions.h"
#include "proto/name.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/token.h"

namespace meshwarden::conformance {
namespace {

using Strings = std::vector<std::string>;
using Function = std::function<absl::StatusOr<Json>(const Json& args)>;
using OneText = std::string (*)(std::string_view);
using ThreeTexts = std::string (*)(std::string_view, std::string_view, std::string_view);

std::string Text(const Json& args, std::size_t index) { return args.at(index).get<std::string>(); }

Function Of(OneText function) {
  return [function](const Json& args) { return Json(function(Text(args, 0))); };
}

Function Of(ThreeTexts function) {
  return [function](const Json& args) { return Json(function(Text(args, 0), Text(args, 1), Text(args, 2))); };
}

absl::StatusOr<Json> RunChatSubject(const Json& args) {
  MW_ASSIGN_OR_RETURN(std::string subject, ChatSubject(Text(args, 0), Text(args, 1), Text(args, 2)));
  return Json(subject);
}

absl::StatusOr<Json> RunValidateChannel(const Json& args) {
  MW_RETURN_IF_ERROR(ValidateChannel(Text(args, 0)));
  return args.at(0);
}

absl::StatusOr<Json> RunValidateName(const Json& args) {
  MW_RETURN_IF_ERROR(ValidateName(Text(args, 0)));
  return Json();
}

absl::StatusOr<Json> RunParseSubject(const Json& args) {
  const std::optional<ParsedSubject> parsed = ParseSubject(Text(args, 0));
  if (!parsed) return Json();
  return Json{{"kind", NameOf(parsed->kind)}, {"sender", parsed->sender}, {"rest", parsed->rest}};
}

absl::StatusOr<Json> RunDeliveryOf(const Json& args) {
  const std::optional<Delivery> delivery = DeliveryOf(Text(args, 0));
  return delivery ? Json(NameOf(*delivery)) : Json();
}

absl::StatusOr<Json> RunParseDuration(const Json& args) {
  MW_ASSIGN_OR_RETURN(const std::chrono::milliseconds duration, ParseDuration(Text(args, 0)));
  return Json(duration.count());
}

absl::StatusOr<Json> RunNormalizeMentions(const Json& args) {
  const Strings mentions = NormalizeMentions(args.at(0).get<Strings>());
  return mentions.empty() ? Json() : Json(mentions);
}

const std::map<std::string, Function, std::less<>>& Functions() {
  static const auto& functions = *new std::map<std::string, Function, std::less<>>{
      {"token", Of(Token)},
      {"spacePrefix", Of(SpacePrefix)},
      {"chatSubject", RunChatSubject},
      {"unicastSubject", Of(UnicastSubject)},
      {"anycastSubject", Of(AnycastSubject)},
      {"controlServiceSubject", Of(ControlSubject)},
      {"isConcreteChannel", [](const Json& args) { return Json(IsConcreteChannel(Text(args, 0))); }},
      {"assertValidChannel", RunValidateChannel},
      {"chatStream", Of(ChatStream)},
      {"dmStream", Of(DmStream)},
      {"taskStream", Of(TaskStream)},
      {"presenceBucket", Of(PresenceBucket)},
      {"channelBucket", Of(ChannelBucket)},
      {"chatDurable", Of(ChatDurable)},
      {"chatHistDurable", Of(ChatHistoryConsumer)},
      {"dmDurable", Of(DmDurable)},
      {"taskDurable", Of(TaskDurable)},
      {"parseSubject", RunParseSubject},
      {"deliveryOf", RunDeliveryOf},
      {"subjectMatches", [](const Json& args) { return Json(SubjectMatches(Text(args, 0), Text(args, 1))); }},
      {"collapseFilterSubjects",
       [](const Json& args) { return Json(CollapsePatterns(args.at(0).get<Strings>())); }},
      {"normalizeMentions", RunNormalizeMentions},
      {"parseDuration", RunParseDuration},
      {"assertValidName", RunValidateName},
  };
  return functions;
}

// Concrete subjects that together stand for all that `pattern` matches: a pattern of `segments` segments or
// fewer matches every one of them only if it matches everything that `pattern` does. The fresh token is in no
// pattern; a '>' may stand for one token, or for more than the other pattern has.
Strings Witnesses(std::string_view pattern, std::size_t segments) {
  constexpr std::string_view kFresh =
      "\x01"
      "fresh";
  Strings short_and_long(2);
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = pattern.find('.', begin);
    const std::string_view segment = pattern.substr(begin, dot == pattern.npos ? dot : dot - begin);
    const bool rest = segment == ">";
    for (std::string& witness : short_and_long) {
      if (begin > 0) witness += '.';
      witness += rest || segment == "*" ? kFresh : segment;
    }
    if (rest) {
      for (std::size_t i = 0; i < segments; ++i) short_and_long[1].append(".").append(kFresh);
    }
    if (rest || dot == pattern.npos) return short_and_long;
    begin = dot + 1;
  }
}

// Whether `wide` matches all that `narrow` matches, found without the function under test.
bool MatchesAllOf(const std::string& wide, const std::string& narrow) {
  for (const std::string& witness : Witnesses(narrow, wide.size() + 1)) {
    if (!SubjectMatches(wide, witness)) return false;
  }
  return true;
}

// A list that the peer's collapse loses something of: it takes one pattern for covered by another where that
// does not hold, or each for covered by the other (contract, 5.1 and 5.5).
bool PeerLosesSomething(const Strings& patterns) {
  for (const std::string& a : patterns) {
    for (const std::string& b : patterns) {
      if (a == b || !SubjectMatches(a, b)) continue;
      if (SubjectMatches(b, a) || !MatchesAllOf(a, b)) return true;
    }
  }
  return false;
}

// The list without what another member covers; of equal sets the first stays.
Strings LosslessCollapse(const Strings& patterns) {
  Strings kept;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    bool dropped = false;
    for (std::size_t j = 0; j < patterns.size(); ++j) {
      if (i == j || !MatchesAllOf(patterns[j], patterns[i])) continue;
      dropped = dropped || j < i || !MatchesAllOf(patterns[i], patterns[j]);
    }
    if (!dropped) kept.push_back(patterns[i]);
  }
  return kept;
}

// Our expected result where the contract overrules the vector; nothing where the vector stands.
std::optional<Json> OverruledResult(const std::string& name, const Json& args) {
  if (name != "collapseFilterSubjects") return std::nullopt;
  const Strings patterns = args.at(0).get<Strings>();
  if (!PeerLosesSomething(patterns)) return std::nullopt;
  return Json(LosslessCollapse(patterns));
}

std::string Describe(const absl::StatusOr<Json>& outcome) {
  return outcome.ok() ? DumpJson(*outcome) : fmt::format("error {}", DumpJson(MessageOf(outcome.status())));
}

void RunCase(const Json& test_case, CaseResults& results) {
  const std::string name = test_case.at("fn").get<std::string>();
  const Json& args = test_case.at("args");
  const auto function = Functions().find(name);
  if (function == Functions().end()) return results.Fail(fmt::format("unknown function {}", name));

  const absl::StatusOr<Json> actual = function->second(args);
  const std::optional<Json> overruled = OverruledResult(name, args);
  const absl::StatusOr<Json> expected =
      overruled                     ? absl::StatusOr<Json>(*overruled)
      : test_case.contains("error") ? absl::InvalidArgumentError(test_case.at("error").get<std::string>())
                                    : absl::StatusOr<Json>(test_case.at("result"));
  const bool equal =
      actual.ok() ? expected.ok() && *actual == *expected : actual.status() == expected.status();
  if (!equal) {
    results.Fail(
        fmt::format("{}{}: got {}, expected {}", name, DumpJson(args), Describe(actual), Describe(expected)));
  } else if (overruled && *overruled != test_case.at("result")) {
    results.DecideOtherwise();
  } else {
    results.Pass();
  }
}

}  // namespace

CaseResults RunSubjectCases(const Json& cases) {
  CaseResults results;
  for (const Json& test_case : cases) {
    try {
      RunCase(test_case, results);
    } catch (const Json::exception& malformed) {
      results.Fail(fmt::format("malformed case {}: {}", DumpJson(test_case), malformed.what()));
    }
  }
  return results;
}

}  // namespace meshwarden::conformance
