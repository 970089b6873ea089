#include "endpoint/nats/link/nats_codec.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/nats/link/subject_check.h"

namespace meshwarden {
namespace {

// The library hands out lists of strings that it keeps, in an array that it does not.
struct FreeDeleter {
  void operator()(const char** list) const { std::free(list); }
};
using UniqueList = std::unique_ptr<const char*, FreeDeleter>;

void DecodeHeader(natsMsg& message, const char* key, NatsMessage& decoded) {
  const char** raw = nullptr;
  int count = 0;
  if (natsMsgHeader_Values(&message, key, &raw, &count) != NATS_OK) return;
  const UniqueList values(raw);
  for (int i = 0; i < count; ++i) decoded.headers.emplace_back(key, raw[i]);
}

absl::Status CheckHeader(const std::string& key, const std::string& value) {
  MW_RETURN_IF_ERROR(CheckLineText("a header's name", key));
  MW_RETURN_IF_ERROR(CheckLineText("a header's value", value));
  if (key.empty() || key.find_first_of(": ") != std::string::npos) {
    return absl::InvalidArgumentError(fmt::format("{} can't be a header's name", Quoted(key)));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view SubjectOf(const natsMsg& message) { return natsMsg_GetSubject(&message); }

NatsMessage DecodeNatsMessage(natsMsg& message) {
  NatsMessage decoded;
  decoded.subject = natsMsg_GetSubject(&message);
  if (const char* reply = natsMsg_GetReply(&message); reply != nullptr) decoded.reply = reply;
  decoded.payload.assign(natsMsg_GetData(&message),
                         static_cast<std::size_t>(natsMsg_GetDataLength(&message)));
  const char** raw = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(&message, &raw, &count) != NATS_OK) return decoded;
  const UniqueList keys(raw);
  for (int i = 0; i < count; ++i) DecodeHeader(message, raw[i], decoded);
  return decoded;
}

absl::StatusOr<UniqueNatsMsg> EncodeNatsMessage(const NatsMessage& message) {
  natsMsg* raw = nullptr;
  const char* reply = message.reply.empty() ? nullptr : message.reply.c_str();
  MW_RETURN_IF_ERROR(StatusOfNats(natsMsg_Create(&raw, message.subject.c_str(), reply, message.payload.data(),
                                                 static_cast<int>(message.payload.size())),
                                  "make a message"));
  UniqueNatsMsg encoded(raw);
  for (const auto& [key, value] : message.headers) {
    MW_RETURN_IF_ERROR(CheckHeader(key, value));
    MW_RETURN_IF_ERROR(
        StatusOfNats(natsMsgHeader_Add(encoded.get(), key.c_str(), value.c_str()), "add a header"));
  }
  return encoded;
}

}  // namespace meshwarden
