#include "tests/soak/member.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/status.h"

namespace meshwarden::testing {
namespace {

constexpr std::size_t kErrorsKept = 5;

}  // namespace

bool IsExplained(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status);
}

absl::StatusOr<std::unique_ptr<Member>> Member::Start(std::size_t index, EndpointOptions options,
                                                      Ledger& ledger, Fault& fault) {
  std::unique_ptr<Member> member(new Member(index, ledger, fault));
  MW_ASSIGN_OR_RETURN(member->endpoint_, Endpoint::Make(std::move(options), member->Handlers()));
  MW_RETURN_IF_ERROR(member->endpoint_->Start());
  return member;
}

EndpointHandlers Member::Handlers() {
  EndpointHandlers handlers;
  handlers.on_message = [this](const ReceivedMessage& received) { Take(received); };
  handlers.on_connection = [this](bool connected) {
    if (connected) ++connects_;
  };
  handlers.on_error = [this](const absl::Status& status) {
    ++errors_;
    if (status.message().find("no longer has the durable") != std::string_view::npos) ++durables_lost_;
    KeepError(MessageOf(status));
    if (absl::IsPermissionDenied(status)) fault_.Set(Annotate(status, fmt::format("endpoint {}", index_)));
  };
  return handlers;
}

void Member::KeepError(std::string text) {
  const MutexLock lock(mutex_);
  // Those of a lost connection tell nothing.
  if (text.find("onnect") != std::string::npos) return;
  last_errors_.push_back(std::move(text));
  if (last_errors_.size() > kErrorsKept) last_errors_.erase(last_errors_.begin());
}

void Member::Take(const ReceivedMessage& received) {
  const std::optional<SoakMessage> message = MessageOfId(received.message.id);
  if (received.historical) ++historical_;
  if (!message.has_value()) {
    ledger_.ReceivedForeign(index_, received.message.id);
  } else {
    ledger_.Received(index_, *message, received.historical);
  }
  // Refused while reconnecting: the broker will deliver it again, and it must not come here a second time.
  static_cast<void>(received.settle.Ack());
}

}  // namespace meshwarden::testing
