// Hands over the history that channels still owe, page by page, as the handler keeps up. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "endpoint/channels/history_reader.h"
#include "endpoint/channels/joined_channels.h"
#include "endpoint/delivery/dispatcher.h"
#include "endpoint/session/intake.h"

namespace meshwarden {

class Backfiller {
 public:
  struct Options {
    std::string space;
    std::function<void(const absl::Status&)> on_error;  // must be brief
  };
  // What is pointed to must outlive this object.
  Backfiller(Options options, HistoryReader& reader, Intake& intake, JoinedChannels& channels,
             Dispatcher& dispatcher);

  // Reads what is pending of `channel` to its end, unless another thread is at it, and returns how many
  // messages it handed over. An error leaves the rest pending. Blocks while many messages wait for their
  // handler, until `cancelled`; within the handler itself it leaves the rest pending instead.
  absl::StatusOr<std::size_t> Run(std::string_view channel, const std::atomic<bool>& cancelled);
  // Of all channels, also after one that fails; the first error, or an Unavailable one if there is any.
  // Unavailable too while another thread has not come to its end.
  absl::Status RunAll(const std::atomic<bool>& cancelled);

 private:
  // Both add what they hand over to `count`.
  // False if it stopped short of the end.
  absl::StatusOr<bool> RunClaimed(const std::string& channel, const std::atomic<bool>& cancelled,
                                  std::size_t& count);
  // False if nothing is pending.
  absl::StatusOr<bool> ReadOnePage(const std::string& channel, std::size_t& count);
  bool IsPending(const std::string& channel) const;
  bool Claim(const std::string& channel);
  void Release(const std::string& channel);

  const Options options_;
  HistoryReader& reader_;
  Intake& intake_;
  JoinedChannels& channels_;
  Dispatcher& dispatcher_;

  Mutex mutex_;
  std::set<std::string, std::less<>> running_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
