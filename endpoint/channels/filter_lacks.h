// The channels that are joined and that the filter lacks, as it was looked at last: since when, and whether
// that has been accepted as somebody's will. Guarded by whoever owns it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshwarden {

class FilterLacks {
 public:
  using Channels = std::vector<std::string>;

  // What came after the stream's sequence `since` is missed; the lowest one said counts.
  void Add(const std::string& channel, std::uint64_t since);
  // The filter has it again, or it was left: since when it was lacking, if it was.
  std::optional<std::uint64_t> Remove(std::string_view channel);
  bool Contains(std::string_view channel) const;
  // `after`, or less if the channel has been lacking since then.
  std::uint64_t MissedAfter(std::string_view channel, std::uint64_t after) const;

  // Accepts all of them; returns those that were not before.
  Channels Accept();
  void WithdrawAcceptance();
  bool AllAccepted() const;

  // `channels` without the accepted ones; without all of them but `besides`.
  Channels WithoutAccepted(Channels channels) const;
  Channels Without(Channels channels, std::string_view besides) const;

  // The stream was made anew, and its sequences begin again.
  void ForgetPositions();

 private:
  struct Lack {
    std::uint64_t since = 0;
    bool accepted = false;
  };
  std::map<std::string, Lack, std::less<>> lacks_;
};

}  // namespace meshwarden
