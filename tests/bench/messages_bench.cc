// How fast an endpoint receives and sends, against loops on the bare client library that do the same work,
// and how much memory it holds after many messages.
//
//   messages_bench [--quick]     a tenth of the messages
//
// Prints tables; asserts nothing by the clock. Machines differ, so the figures to quote are the ratios: bare
// rounds and ours alternate within one run, and a ratio is the median over the pairs of rounds.
#include <fmt/format.h>
#include <nats/nats.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "endpoint/endpoint.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "proto/message.h"
#include "proto/names.h"
#include "tests/support/broker.h"

namespace meshwarden::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;
constexpr int kReceiveRounds = 11;
constexpr int kSenders = 200;  // so that none of their subjects reaches the 1000 messages that it keeps
constexpr std::size_t kBatch = 256;
constexpr std::chrono::seconds kPatience{300};
constexpr std::chrono::seconds kRequestTimeout{20};
constexpr std::size_t kMemoryRound = 20'000;

struct Sizes {
  std::size_t received = 40'000;
  std::size_t published = 5'000;
  std::vector<std::size_t> memory_marks = {100'000, 500'000, 1'000'000};
};

struct Deleter {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(jsCtx* js) const { jsCtx_Destroy(js); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
};

absl::Status Check(natsStatus status, std::string_view what) {
  if (status == NATS_OK) return absl::OkStatus();
  return absl::InternalError(fmt::format("{}: {}", what, natsStatus_GetText(status)));
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double ResidentMegabytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

std::string UuidOf(std::size_t number) { return fmt::format("00000000-0000-4000-8000-{:012x}", number); }

// A message of about 300 bytes as an endpoint would send it.
MeshMessage MakeMessage(std::size_t number, const std::string& sender) {
  return {.id = UuidOf(number),
          .ts = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()),
          .space = "main",
          .from = {.id = sender, .name = "bench", .role = std::nullopt},
          .destination = {.delivery = Delivery::kChannel, .name = "general"},
          .mentions = {},
          .parts = {Part::Text(fmt::format("{:x<120}", number))},
          .reply_to = std::nullopt,
          .context_id = std::nullopt};
}

std::string ChatSubjectOf(std::string_view sender) {
  return fmt::format("cotal.main.chat.{}.general", sender);
}

// A connection of the bare library.
class Bare {
 public:
  static absl::StatusOr<std::unique_ptr<Bare>> Connect(const std::string& url) {
    auto bare = std::make_unique<Bare>();
    natsConnection* connection = nullptr;
    MW_RETURN_IF_ERROR(Check(natsConnection_ConnectTo(&connection, url.c_str()), "connect"));
    bare->connection_.reset(connection);
    jsCtx* js = nullptr;
    jsOptions options;
    MW_RETURN_IF_ERROR(Check(jsOptions_Init(&options), "options"));
    options.PublishAsync.MaxPending = 4096;
    options.PublishAsync.StallWait = 10'000;
    MW_RETURN_IF_ERROR(Check(natsConnection_JetStream(&js, connection, &options), "JetStream"));
    bare->js_.reset(js);
    return bare;
  }

  // Stores `count` messages, numbered from `first`.
  absl::Status Fill(std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      const std::string sender = fmt::format("sender{}", i % kSenders);
      const std::string payload = EncodeMessage(MakeMessage(i, sender));
      MW_RETURN_IF_ERROR(Check(js_PublishAsync(js_.get(), ChatSubjectOf(sender).c_str(), payload.data(),
                                               static_cast<int>(payload.size()), nullptr),
                               "publish"));
    }
    return Check(js_PublishAsyncComplete(js_.get(), nullptr), "publish");
  }

  // Publishes one message and waits until it is stored.
  absl::Status Publish(const std::string& subject, const std::string& payload, const std::string& id) {
    jsPubOptions options;
    MW_RETURN_IF_ERROR(Check(jsPubOptions_Init(&options), "options"));
    options.MsgId = id.c_str();
    return Check(js_Publish(nullptr, js_.get(), subject.c_str(), payload.data(),
                            static_cast<int>(payload.size()), &options, nullptr),
                 "publish");
  }

  // Messages a second of a loop that fetches, parses if told to, and acknowledges `count` messages of
  // `durable`.
  absl::StatusOr<double> Receive(const std::string& durable, std::size_t count, bool parse) {
    jsSubOptions options;
    MW_RETURN_IF_ERROR(Check(jsSubOptions_Init(&options), "options"));
    const std::string stream = ChatStream("main");
    options.Stream = stream.c_str();
    options.Consumer = durable.c_str();
    natsSubscription* subscription = nullptr;
    MW_RETURN_IF_ERROR(Check(
        js_PullSubscribe(&subscription, js_.get(), nullptr, nullptr, nullptr, &options, nullptr), "bind"));
    const std::unique_ptr<natsSubscription, Deleter> owner(subscription);
    std::size_t received = 0;
    Clock::time_point begin;
    while (received < count) {
      natsMsgList list;  // asking for more than there is would wait for it
      const int batch = static_cast<int>(std::min(kBatch, count - received));
      MW_RETURN_IF_ERROR(Check(natsSubscription_Fetch(&list, subscription, batch, 10'000, nullptr), "fetch"));
      if (received == 0) begin = Clock::now();
      received += static_cast<std::size_t>(list.Count);
      const absl::Status handled = Handle(list, parse);
      natsMsgList_Destroy(&list);
      MW_RETURN_IF_ERROR(handled);
    }
    return static_cast<double>(count) / SecondsSince(begin);
  }

 private:
  static absl::Status Handle(const natsMsgList& list, bool parse) {
    for (int i = 0; i < list.Count; ++i) {
      natsMsg* message = list.Msgs[i];
      if (parse) {
        const std::string_view payload(natsMsg_GetData(message),
                                       static_cast<std::size_t>(natsMsg_GetDataLength(message)));
        MW_RETURN_IF_ERROR(DecodeMessage(payload).status());
      }
      MW_RETURN_IF_ERROR(Check(natsMsg_Ack(message, nullptr), "ack"));
    }
    return absl::OkStatus();
  }

  std::unique_ptr<natsConnection, Deleter> connection_;
  std::unique_ptr<jsCtx, Deleter> js_;
};

// Counts what an endpoint hands over, and when. Thread-safe.
class Counter {
 public:
  void Add() {
    const MutexLock lock(mutex_);
    if (++count_ == 1) first_ = Clock::now();
    if (count_ == awaited_) {
      last_ = Clock::now();
      reached_.NotifyAll();
    }
  }
  // Messages a second from the first to the one that makes `count`.
  absl::StatusOr<double> Await(std::size_t count) {
    const MutexLock lock(mutex_);
    awaited_ = count;
    if (count_ >= count) last_ = Clock::now();
    const auto deadline = Clock::now() + kPatience;
    while (count_ < count) {
      if (!reached_.WaitUntil(mutex_, deadline)) {
        return absl::DeadlineExceededError(fmt::format("{} of {} messages came", count_, count));
      }
    }
    return static_cast<double>(count) / std::chrono::duration<double>(last_ - first_).count();
  }

 private:
  Mutex mutex_;
  CondVar reached_;
  std::size_t count_ MW_GUARDED_BY(mutex_) = 0;
  std::size_t awaited_ MW_GUARDED_BY(mutex_) = 0;
  Clock::time_point first_ MW_GUARDED_BY(mutex_);
  Clock::time_point last_ MW_GUARDED_BY(mutex_);
};

absl::StatusOr<std::unique_ptr<Endpoint>> StartEndpoint(const TestBroker& broker, const std::string& id,
                                                        Counter* counter) {
  EndpointOptions options;
  options.servers = {broker.url()};
  options.card.name = "bench";
  options.card.id = id;
  options.receive = counter != nullptr;
  EndpointHandlers handlers;
  handlers.on_message = [counter](const ReceivedMessage& received) {
    static_cast<void>(received.settle.Ack());
    counter->Add();
  };
  handlers.on_error = [](const absl::Status& status) {
    fmt::print(stderr, "endpoint: {}\n", MessageOf(status));
  };
  MW_ASSIGN_OR_RETURN(std::unique_ptr<Endpoint> endpoint,
                      Endpoint::Make(std::move(options), std::move(handlers)));
  MW_RETURN_IF_ERROR(endpoint->Start());
  return endpoint;
}

// The same messages for three durables of one broker: one read by an endpoint, two by bare loops.
//
// Each round reads what has just been stored.
class ReceiveBench {
 public:
  absl::Status Run(std::size_t count) {
    MW_RETURN_IF_ERROR(SetUp());
    std::vector<double> unparsed;
    std::vector<double> parsed;
    std::vector<double> ours;
    std::vector<double> ratios;
    std::vector<double> unparsed_ratios;
    for (int round = -1; round < kReceiveRounds; ++round) {  // the first warms up
      MW_RETURN_IF_ERROR(Fill(count));
      MW_ASSIGN_OR_RETURN(const double a, bare_->Receive(ChatDurable(kParsed), count, /*parse=*/true));
      MW_ASSIGN_OR_RETURN(const double b, ReceiveOurs(count));
      MW_ASSIGN_OR_RETURN(const double c, bare_->Receive(ChatDurable(kUnparsed), count, /*parse=*/false));
      if (round < 0) continue;
      parsed.push_back(a);
      ours.push_back(b);
      unparsed.push_back(c);
      ratios.push_back(b / a);
      unparsed_ratios.push_back(b / c);
    }
    fmt::print("\nreceiving and acknowledging {} messages    rate/s  (medians of {} rounds)\n", count,
               kReceiveRounds);
    fmt::print("  bare loop, no parse {:>27.0f}\n  bare loop, parse    {:>27.0f}\n", Median(unparsed),
               Median(parsed));
    fmt::print("  endpoint            {:>27.0f}\n  endpoint / bare with parse {:>20.2f}\n", Median(ours),
               Median(ratios));
    fmt::print("  endpoint / bare without    {:>20.2f}\n", Median(unparsed_ratios));
    std::fflush(stdout);
    return absl::OkStatus();
  }

 private:
  static constexpr char kOurs[] = "ours";
  static constexpr char kParsed[] = "parsed";
  static constexpr char kUnparsed[] = "unparsed";

  absl::Status SetUp() {
    MW_ASSIGN_OR_RETURN(broker_, TestBroker::Start({}));
    MW_ASSIGN_OR_RETURN(bare_, Bare::Connect(broker_->url()));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSIGN_OR_RETURN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kRequestTimeout);
    // An endpoint that has received before resumes where it left off, and reads no history.
    Counter counter;
    MW_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint, StartEndpoint(*broker_, kOurs, &counter));
    MW_RETURN_IF_ERROR(Fill(1));
    MW_RETURN_IF_ERROR(counter.Await(1).status());
    MW_RETURN_IF_ERROR(MakeDurable(kParsed));
    return MakeDurable(kUnparsed);
  }

  absl::Status Fill(std::size_t count) {
    stored_ += count;
    return bare_->Fill(stored_ - count, count);
  }
  // As the endpoint makes it in open mode.
  absl::Status MakeDurable(const std::string& id) {
    MW_ASSIGN_OR_RETURN(ConsumerInfo like, api_->GetConsumer(ChatStream("main"), ChatDurable(kOurs)));
    like.config.durable_name = ChatDurable(id);
    like.config.name.clear();
    return api_->CreateConsumer(ChatStream("main"), like.config).status();
  }
  absl::StatusOr<double> ReceiveOurs(std::size_t count) {
    Counter counter;
    MW_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint, StartEndpoint(*broker_, kOurs, &counter));
    return counter.Await(count);
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Bare> bare_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::size_t stored_ = 0;
};

absl::StatusOr<double> PublishBare(Bare& bare, std::size_t first, std::size_t count) {
  const auto begin = Clock::now();
  for (std::size_t i = first; i < first + count; ++i) {
    const MeshMessage message = MakeMessage(i, "barepublisher");
    MW_RETURN_IF_ERROR(bare.Publish(ChatSubjectOf("barepublisher"), EncodeMessage(message), message.id));
  }
  return static_cast<double>(count) / SecondsSince(begin);
}

absl::StatusOr<double> PublishOurs(Endpoint& endpoint, std::size_t first, std::size_t count) {
  const auto begin = Clock::now();
  for (std::size_t i = first; i < first + count; ++i) {
    Content content;
    content.parts = {Part::Text(fmt::format("{:x<120}", i))};
    content.message_id = UuidOf(i);
    MW_RETURN_IF_ERROR(endpoint.Multicast(std::move(content)).status());
  }
  return static_cast<double>(count) / SecondsSince(begin);
}

absl::Status BenchPublishing(std::size_t count) {
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<TestBroker> broker, TestBroker::Start({}));
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint, StartEndpoint(*broker, "publisher", nullptr));
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Bare> bare, Bare::Connect(broker->url()));
  std::vector<double> theirs;
  std::vector<double> ours;
  std::vector<double> ratios;
  std::size_t next = 0;
  for (int round = -1; round < kRounds; ++round) {
    MW_ASSIGN_OR_RETURN(const double a, PublishBare(*bare, next, count));
    MW_ASSIGN_OR_RETURN(const double b, PublishOurs(*endpoint, next + count, count));
    next += 2 * count;
    if (round < 0) continue;
    theirs.push_back(a);
    ours.push_back(b);
    ratios.push_back(b / a);
  }
  fmt::print("\npublishing {} messages one after the other    rate/s  (medians of {} rounds)\n", count,
             kRounds);
  fmt::print(
      "  bare loop           {:>27.0f}\n  endpoint            {:>27.0f}\n  endpoint / bare     {:>27.2f}\n",
      Median(theirs), Median(ours), Median(ratios));
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status BenchMemory(const std::vector<std::size_t>& marks) {
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<TestBroker> broker, TestBroker::Start({}));
  Counter counter;
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Endpoint> endpoint, StartEndpoint(*broker, "receiver", &counter));
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Bare> bare, Bare::Connect(broker->url()));
  fmt::print("\nresident memory, with the publisher in the same process\n");
  std::size_t sent = 0;
  for (const std::size_t mark : marks) {
    while (sent < mark) {
      const std::size_t round = std::min(kMemoryRound, mark - sent);
      MW_RETURN_IF_ERROR(bare->Fill(sent, round));
      sent += round;
      MW_RETURN_IF_ERROR(counter.Await(sent).status());
    }
    fmt::print("  after {:>9} messages received {:>9.1f} MB\n", sent, ResidentMegabytes());
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

absl::Status Run(bool quick) {
  Sizes sizes;
  if (quick) sizes = {.received = 20'000, .published = 500, .memory_marks = {10'000, 50'000, 100'000}};
  MW_RETURN_IF_ERROR(ReceiveBench().Run(sizes.received));
  MW_RETURN_IF_ERROR(BenchPublishing(sizes.published));
  return BenchMemory(sizes.memory_marks);
}

}  // namespace
}  // namespace meshwarden::testing

int main(int argc, char** argv) {
  const bool quick = argc == 2 && std::string_view(argv[1]) == "--quick";
  if (argc > 1 && !quick) {
    fmt::print(stderr, "usage: messages_bench [--quick]\n");
    return 2;
  }
  const absl::Status status = meshwarden::testing::Run(quick);
  if (status.ok()) return 0;
  fmt::print(stderr, "bench: {}\n", meshwarden::MessageOf(status));
  return 1;
}
