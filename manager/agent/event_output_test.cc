#include "manager/agent/event_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/json.h"
#include "base/status_matchers.h"
#include "manager/agent/line_reader.h"
#include "manager/agent/test_message.h"
#include "manager/agent/test_pipe.h"

namespace meshwarden::event_output_test {
namespace {

using ::meshwarden::testing::CountingTarget;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::TestMessage;
using ::meshwarden::testing::TestPipe;
using Settling = EventOutput::Settling;

class EventOutputTest : public ::testing::Test {
 protected:
  EventOutput Make(Settling settling) {
    return EventOutput(writer_, deliveries_, settling, [this] { ++gone_; });
  }
  // The next line that was written.
  Json Next() {
    const auto line = reader_.Next();
    return line.has_value() ? Json::parse(line->text) : Json();
  }

  TestPipe pipe_;
  LineReader reader_{pipe_.out(), 1 << 20};
  LineWriter writer_{pipe_.in(), -1, std::chrono::milliseconds(20)};
  OpenDeliveries deliveries_;
  std::atomic<int> gone_{0};
  std::shared_ptr<CountingTarget> target_ = std::make_shared<CountingTarget>();
};

TEST_F(EventOutputTest, ReadyComesBeforeTheEventsThatWereThereFirst) {
  EventOutput events = Make(Settling::kOnceWritten);
  EndpointHandlers handlers = events.Handlers();
  std::thread endpoint([&] {
    handlers.on_connection(true);
    handlers.on_message(TestMessage(1));
    handlers.on_presence({});
    handlers.on_error(absl::InternalError("x"));
  });
  events.Ready("me", "main");
  for (const std::string event : {"ready", "connection", "message", "presence", "error"}) {
    EXPECT_EQ(Next().value("event", ""), event);
  }
  endpoint.join();
}

TEST_F(EventOutputTest, AMessageIsAcknowledgedOnceItIsWritten) {
  EventOutput events = Make(Settling::kOnceWritten);
  events.Ready("me", "main");
  events.Handlers().on_message(TestMessage(1, target_));
  EXPECT_EQ(target_->acks(), 1);
  Next();
  EXPECT_FALSE(Next().contains("delivery"));
}

TEST_F(EventOutputTest, AMessageThatIsNotWrittenIsNotAcknowledged) {
  EventOutput events = Make(Settling::kOnceWritten);
  events.Ready("me", "main");
  pipe_.CloseOut();
  events.Handlers().on_message(TestMessage(1, target_));
  EXPECT_EQ(target_->acks(), 0);
  EXPECT_EQ(gone_, 1);
}

TEST_F(EventOutputTest, WhatTheDriverSettlesIsLeftOpen) {
  EventOutput events = Make(Settling::kByDriver);
  events.Ready("me", "main");
  events.Handlers().on_message(TestMessage(5, target_));
  EXPECT_EQ(target_->acks(), 0);
  Next();
  EXPECT_EQ(Next().value("delivery", ""), "channel:5");
  EXPECT_THAT(deliveries_.Ack("channel:5"), IsOk());
  EXPECT_EQ(target_->acks(), 1);
}

TEST_F(EventOutputTest, ClosedBeforeReadyNothingIsWritten) {
  EventOutput events = Make(Settling::kOnceWritten);
  std::thread endpoint([&, handlers = events.Handlers()] { handlers.on_message(TestMessage(1, target_)); });
  events.Close();
  endpoint.join();
  events.Ready("me", "main");
  pipe_.CloseIn();
  EXPECT_FALSE(reader_.Next().has_value());
  EXPECT_EQ(target_->acks(), 0);
}

TEST_F(EventOutputTest, OnceReadyEventsGoOnToTheEnd) {
  EventOutput events = Make(Settling::kOnceWritten);
  events.Ready("me", "main");
  events.Close();
  events.Handlers().on_connection(false);
  Next();
  EXPECT_EQ(Next().value("event", ""), "connection");
}

}  // namespace
}  // namespace meshwarden::event_output_test
