// Records of agents from hostile bytes: refused as damaged, or read so that they can be written and read
// again. The first line is the id that the record is looked up by, and the key that it was found under.
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_keys.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

void CheckRecord(std::string_view id, std::string_view text) {
  const auto record = DecodeAgentRecord(id, text);
  if (!record.ok()) {
    Require(absl::IsDataLoss(record.status()), "what is no record is damage, never absence");
    Require(!record.status().message().empty(), "an error says what is wrong");
    return;
  }
  Require(record->id == id && !record->agent.empty(), "a record is of its id and of some agent");
  const auto again = DecodeAgentRecord(id, EncodeAgentRecord(*record));
  Require(again.ok() && *again == *record, "what was written is read");
  if (record->state != RecordState::kLive && record->state != RecordState::kBegun) {
    Require(!CheckSameAgent(*record, record->agent).ok(), "what is not live does not come back");
  }
}

void CheckKey(std::string_view key) {
  Require(!IsEarlierRecordKey(key) || key.find_first_of(".*> ") == std::string_view::npos,
          "an id is one token");
  const std::string place = RecordKeys("T").AgentPlace(key, 0);
  Require(place.find_first_not_of("0123456789abcdef", sizeof("T.place.agent.") - 1) == place.size() - 2,
          "a name is one token");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  const std::string_view id = input.substr(0, end);
  CheckKey(id);
  CheckRecord(id, end == std::string_view::npos ? std::string_view() : input.substr(end + 1));
  return 0;
}
