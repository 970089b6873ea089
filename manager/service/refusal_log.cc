#include "manager/service/refusal_log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text/printable.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxDetailBytes = 128;

std::string_view NameOf(Refusal why) {
  switch (why) {
    case Refusal::kForeignSubject:
      return "foreign_subject";
    case Refusal::kForeignReply:
      return "foreign_reply";
    case Refusal::kTooFast:
      return "slow_down";
    case Refusal::kTooLarge:
      return "too_large";
    case Refusal::kMalformed:
      return "bad_request";
    case Refusal::kSenderMismatch:
      return "sender_mismatch";
    case Refusal::kStale:
      return "stale_request";
  }
  return "refused";
}

}  // namespace

RefusalLog::RefusalLog(Log& log, SteadyClock now) : log_(log), now_(std::move(now)) {}

void RefusalLog::Write(const RefusedRequest& refused) {
  const std::string_view why = NameOf(refused.why);
  std::optional<std::uint64_t> left_out;
  {
    const MutexLock lock(mutex_);
    left_out = limit_.Admit(why, refused.sender, now_());
  }
  if (!left_out.has_value()) {
    return;
  }
  const std::string sender = Printable(refused.sender, kMaxDetailBytes);
  const std::string detail = Printable(refused.detail, kMaxDetailBytes);
  std::vector<LogField> fields = {{"why", why}};
  if (!sender.empty()) {
    fields.push_back({"id", sender});
  }
  if (!detail.empty()) {
    fields.push_back({"detail", detail});
  }
  if (*left_out > 0) {
    fields.push_back({"again", static_cast<std::int64_t>(*left_out)});
  }
  log_.Write(LogLevel::kWarn, "request refused", fields);
}

}  // namespace meshwarden
