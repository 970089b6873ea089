#include "provisioning/records/record_bucket.h"

#include <utility>

#include "base/secret_token.h"
#include "base/status.h"
#include "endpoint/nats/blocking.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// The error in words that hold no token.
absl::Status Explain(const absl::Status& status) {
  if (status.ok()) return status;
  if (HasJsError(status, JsError::kStreamNotFound)) {
    return absl::FailedPreconditionError(
        "the space has no bucket for agents' records; run `meshwarden space setup`");
  }
  // That a connection is closed has no code of the broker's.
  const bool refused = absl::IsFailedPrecondition(status) && JsErrorCode(status).has_value();
  return absl::Status(refused ? absl::StatusCode::kInternal : status.code(),
                      "the bucket of agents' records: " + MaskSecretTokens(MessageOf(status)));
}

absl::StatusOr<StoredKey> ReadStored(absl::StatusOr<StoredMessage> stored, const std::string& subject) {
  if (HasJsError(stored.status(), JsError::kMessageNotFound)) return StoredKey{};
  if (!stored.ok()) return Explain(stored.status());
  if (stored->subject != subject) {
    return absl::InternalError("the bucket of agents' records: the broker answered with another key");
  }
  StoredKey key{.revision = stored->seq, .value = std::nullopt};
  if (!stored->deleted) key.value = std::move(stored->payload);
  return key;
}

absl::StatusOr<bool> ReadWritten(const absl::Status& status) {
  if (HasJsError(status, JsError::kWrongLastSequence)) return false;
  MW_RETURN_IF_ERROR(Explain(status));
  return true;
}

absl::StatusOr<bool> ReadFound(const absl::Status& status) {
  if (HasJsError(status, JsError::kMessageNotFound)) return false;
  MW_RETURN_IF_ERROR(Explain(status));
  return true;
}

}  // namespace

RecordBucket::RecordBucket(JetStreamApi& api, std::string_view space)
    : api_(api), bucket_(AgentBucket(space)), stream_(BucketStream(bucket_)) {}

void RecordBucket::GetAsync(std::string_view key, Callback<StoredKey> done) const {
  const std::string subject = BucketSubject(bucket_, key);
  api_.LastMessageAsync(stream_, subject,
                        [subject, done = std::move(done)](absl::StatusOr<StoredMessage> stored) {
                          done(ReadStored(std::move(stored), subject));
                        });
}

absl::StatusOr<StoredKey> RecordBucket::Get(std::string_view key) const {
  return Await<StoredKey>([&](auto done) { GetAsync(key, std::move(done)); });
}

void RecordBucket::FindAsync(std::string_view pattern, Callback<bool> done) const {
  api_.LastMessageAsync(stream_, BucketSubject(bucket_, pattern),
                        [done = std::move(done)](const absl::StatusOr<StoredMessage>& stored) {
                          done(ReadFound(stored.status()));
                        });
}

absl::StatusOr<bool> RecordBucket::Find(std::string_view pattern) const {
  return Await<bool>([&](auto done) { FindAsync(pattern, std::move(done)); });
}

absl::StatusOr<std::vector<std::string>> RecordBucket::List(std::string_view pattern) const {
  const std::string prefix = BucketSubject(bucket_, "");
  const auto subjects = api_.GetStreamSubjects(stream_, BucketSubject(bucket_, pattern));
  if (!subjects.ok()) return Explain(subjects.status());
  std::vector<std::string> keys;
  for (const auto& [subject, count] : *subjects) {
    if (subject.starts_with(prefix)) keys.push_back(subject.substr(prefix.size()));
  }
  return keys;
}

void RecordBucket::PutAsync(std::string_view key, std::string_view value, std::uint64_t revision,
                            Callback<bool> done) const {
  api_.PublishStoredAsync(BucketSubject(bucket_, key), value, revision,
                          [done = std::move(done)](const absl::StatusOr<std::uint64_t>& written) {
                            done(ReadWritten(written.status()));
                          });
}

absl::StatusOr<std::optional<std::uint64_t>> RecordBucket::Replace(std::string_view key,
                                                                   std::string_view value,
                                                                   std::uint64_t revision) const {
  const absl::StatusOr<std::uint64_t> written =
      api_.PublishStored(BucketSubject(bucket_, key), value, revision);
  if (HasJsError(written.status(), JsError::kWrongLastSequence)) return std::nullopt;
  if (!written.ok()) return Explain(written.status());
  return *written;
}

absl::StatusOr<bool> RecordBucket::Put(std::string_view key, std::string_view value,
                                       std::uint64_t revision) const {
  MW_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> written, Replace(key, value, revision));
  return written.has_value();
}

absl::Status RecordBucket::Delete(std::string_view key) const {
  return Explain(api_.DeleteStoredKey(bucket_, key));
}

absl::StatusOr<bool> RecordBucket::DeleteAt(std::string_view key, std::uint64_t revision) const {
  const absl::Status deleted = api_.DeleteStoredKey(bucket_, key, revision);
  if (HasJsError(deleted, JsError::kWrongLastSequence)) return false;
  MW_RETURN_IF_ERROR(Explain(deleted));
  return true;
}

}  // namespace meshwarden
