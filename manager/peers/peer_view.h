// Which managers of a space are at work, and which of them serves an agent.
//
// The view is one key of the space's bucket, under its secret token, changed by compare-and-set: whoever
// comes, goes or misses another one writes the next view. Its revision in the bucket orders views.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace meshwarden {

// One run of one manager.
struct Peer {
  std::string instance;  // a secret token (base/secret_token.h): nobody else can address it
  std::string id;        // of the credential that it answers with; several may have the same

  // Where it hears what other managers tell it.
  std::string Inbox() const;
  bool operator==(const Peer&) const = default;
};

// More are not at work in one space.
inline constexpr std::size_t kMaxPeers = 64;

struct PeerView {
  std::uint64_t revision = 0;  // 0: nobody has written one yet
  std::uint64_t number = 0;    // one more than of the view before it
  std::vector<Peer> members;

  bool Has(std::string_view instance) const;
  // Who serves `agent_id`: the same answer at every manager that has this view, and the same as before for
  // most agents when one member comes or goes. Null if there are no members.
  const Peer* OwnerOf(std::string_view agent_id) const;
  // The same with one member more, or less.
  PeerView With(const Peer& peer) const;
  PeerView Without(std::string_view instance) const;
  bool operator==(const PeerView&) const = default;
};

// What stands in the bucket; the revision is the bucket's to tell.
std::string EncodePeerView(const PeerView& view);
// InvalidArgument for what is no view, one with more than kMaxPeers members, or one member twice.
absl::StatusOr<PeerView> DecodePeerView(std::string_view text, std::uint64_t revision);

}  // namespace meshwarden
