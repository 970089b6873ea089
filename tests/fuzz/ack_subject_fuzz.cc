// Reply subjects from hostile bytes: each is nothing, or reads the same in every form that a broker writes.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "endpoint/delivery/ack_subject.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

void CheckForm(const AckSubject& ack, std::string_view before, std::string_view after) {
  const std::string text =
      fmt::format("$JS.ACK.{}{}.{}.{}.{}.{}.{}.{}{}", before, ack.stream, ack.consumer, ack.delivered,
                  ack.stream_seq, ack.consumer_seq, ack.time, ack.pending, after);
  // The names alone may reach the bound; what is put around them then passes it.
  if (text.size() > 1024) return;
  Require(ParseAckSubject(text) == ack, "what was written is read");
}

void CheckReply(std::string_view reply) {
  const auto ack = ParseAckSubject(reply);
  if (!ack) return;
  Require(reply.size() <= 1024, "an acknowledgement is bounded");
  Require(reply.starts_with("$JS.ACK."), "an acknowledgement goes to the broker");
  for (const std::string& name : {ack->stream, ack->consumer}) {
    Require(!name.empty() && name.find_first_of(".*> \t\r\n") == std::string::npos, "a name is one token");
    Require(reply.find("." + name + ".") != std::string_view::npos, "a name is the reply's");
  }
  CheckForm(*ack, "", "");
  CheckForm(*ack, "_.hash.", "");
  CheckForm(*ack, "_.hash.", ".random");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckReply(input);
  CheckReply("$JS.ACK." + std::string(input));
  return 0;
}
