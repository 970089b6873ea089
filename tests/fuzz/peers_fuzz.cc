// What managers tell each other, from hostile bytes: a view as the bucket may have it, a message as it may
// come to an inbox, and one whose parts are hostile although a manager has sealed it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "manager/peers/peer_message.h"
#include "manager/peers/peer_view.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

constexpr char kSpace[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr char kFrom[] = "BBCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr char kTo[] = "CBCDEFGHIJKLMNOPQRSTUVWXYZ";

void CheckView(std::string_view text) {
  const auto view = DecodePeerView(text, 1);
  if (!view.ok()) return;
  Require(view->members.size() <= kMaxPeers, "a view is bounded");
  const auto again = DecodePeerView(EncodePeerView(*view), 1);
  Require(again.ok() && *again == *view, "a view is read as it was written");
  Require(view->members.empty() == (view->OwnerOf(text) == nullptr), "where somebody is, somebody owns");
}

void CheckSealed(std::string_view text) {
  const PeerSeal seal(kSpace);
  Require(!seal.Open(text, kTo).ok(), "what no manager has sealed is not read");
  const std::size_t third = text.size() / 3;
  const PeerMessage message{.kind = PeerMessage::Kind::kPass,
                            .from = kFrom,
                            .number = text.size(),
                            .subject = std::string(text.substr(0, third)),
                            .reply = std::string(text.substr(third, third)),
                            .payload = std::string(text.substr(2 * third)),
                            .age_ms = 1};
  const std::string sealed = seal.Seal(message, kTo);
  Require(!seal.Open(sealed, kFrom).ok(), "a message is for one receiver");
  const auto opened = seal.Open(sealed, kTo);
  // What is no UTF-8 does not survive in the head; the payload does.
  Require(!opened.ok() || opened->payload == message.payload, "a payload comes as it was sent");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  meshwarden::fuzz::CheckView(text);
  meshwarden::fuzz::CheckSealed(text);
  return 0;
}
