// Advisories and requests from hostile bytes: a subject, a reply and a payload, each on a line of its own.
// What is read out of them counts only where it stands in the subject.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "manager/watch/broker_event.h"
#include "manager/watch/suspect.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

void CheckAdvisory(std::string_view subject, std::string_view payload) {
  const auto event = ParseAdvisory(subject, payload);
  if (!event) return;
  Require(payload.size() <= kMaxAdvisoryBytes, "an advisory is bounded");
  if (const auto* gone = std::get_if<ConsumerGone>(&*event)) {
    Require(subject == "$JS.EVENT.ADVISORY.CONSUMER.DELETED." + gone->stream + "." + gone->consumer,
            "an advisory is of the consumer in its subject");
  } else {
    Require(std::holds_alternative<ApiUse>(*event), "an advisory is no request");
    Require(subject == "$JS.EVENT.ADVISORY.API", "a use of the API is told on its subject");
  }
}

void CheckMove(std::string_view subject, std::string_view reply, std::string_view payload) {
  const PlaceMove move =
      ParsePlaceMove({.stream = "DM_main", .subject = subject, .reply = reply, .payload = payload});
  Require(move.reply == reply, "a reply stays as it is");
  if (!move.consumer.empty()) {
    Require(subject == "$JS.API.CONSUMER.RESET.DM_main." + move.consumer, "a consumer stands in the subject");
  }
  const auto suspect = SuspectOf("main", reply);
  if (!suspect) return;
  Require(move.driven(), "whom a reply names has no client of its own ask");
  Require(suspect->id.empty() != suspect->role.empty(), "a suspect is an agent or a role");
  Require(suspect->id.empty() || AgentOfDurable(suspect->durable) == suspect->id,
          "the durable is the agent's");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view subject = TakeLine(rest);
  const std::string_view reply = TakeLine(rest);
  CheckAdvisory(subject, rest);
  CheckMove(subject, reply, rest);
  return 0;
}
