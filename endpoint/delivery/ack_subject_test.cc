#include "endpoint/delivery/ack_subject.h"

#include <gtest/gtest.h>

#include <string>

namespace meshwarden::ack_subject_test {
namespace {

constexpr std::uint64_t kTime = 1795408154254178624;

AckSubject Ack(std::string stream, std::string consumer, std::uint64_t time = kTime) {
  AckSubject ack;
  ack.stream = std::move(stream);
  ack.consumer = std::move(consumer);
  ack.delivered = 2;
  ack.stream_seq = 7;
  ack.consumer_seq = 3;
  ack.time = time;
  ack.pending = 5;
  return ack;
}

void ExpectNothing(const std::string& reply) { EXPECT_FALSE(ParseAckSubject(reply).has_value()) << reply; }

TEST(AckSubjectTest, PlainFormIsRead) {
  EXPECT_EQ(ParseAckSubject("$JS.ACK.CHAT_main.chat_UA.2.7.3.1795408154254178624.5"),
            Ack("CHAT_main", "chat_UA"));
}

TEST(AckSubjectTest, FormWithDomainIsReadWithAndWithoutItsLastToken) {
  const AckSubject expected = Ack("CHAT_main", "chat_UA");
  EXPECT_EQ(ParseAckSubject("$JS.ACK.hub.aBcDeF.CHAT_main.chat_UA.2.7.3.1795408154254178624.5"), expected);
  EXPECT_EQ(ParseAckSubject("$JS.ACK._.aBcDeF.CHAT_main.chat_UA.2.7.3.1795408154254178624.5.x1Y"), expected);
}

TEST(AckSubjectTest, DomainOfDigitsDoesNotShiftTheFields) {
  EXPECT_EQ(ParseAckSubject("$JS.ACK.1.2.3.4.2.7.3.8.5.9"), Ack("3", "4", 8));
}

TEST(AckSubjectTest, EveryOtherNumberOfTokensIsNothing) {
  ExpectNothing("");
  ExpectNothing("$JS.ACK");
  ExpectNothing("$JS.ACK.");
  ExpectNothing("$JS.ACK.S.C.2.7.3.4");
  ExpectNothing("$JS.ACK.S.C.2.7.3.4.5.6");
  ExpectNothing("$JS.ACK.D.A.S.C.2.7.3.4.5.r.more");
  ExpectNothing("$JS.ACK.D.A.S.C.2.7.3.4.5.r.");
}

TEST(AckSubjectTest, AnotherPrefixIsNothing) {
  ExpectNothing("$JS.ACKS.C.D.2.7.3.4.5");
  ExpectNothing("$js.ack.S.C.2.7.3.4.5");
  ExpectNothing("$JS.API.S.C.2.7.3.4.5");
  ExpectNothing(" $JS.ACK.S.C.2.7.3.4.5");
  ExpectNothing("_INBOX_UA.S.C.2.7.3.4.5.6");
}

TEST(AckSubjectTest, EachNumberMustBeDigitsOnly) {
  const std::string names = "$JS.ACK.S.C";
  for (int bad = 0; bad < 5; ++bad) {
    for (const char* text : {"", "-1", "+1", "1x", "0x1", " 1", "1 ", "1e3", "18446744073709551616", "x"}) {
      std::string reply = names;
      for (int i = 0; i < 5; ++i) reply += std::string(".") + (i == bad ? text : "1");
      ExpectNothing(reply);
    }
  }
}

TEST(AckSubjectTest, NumbersReachThe64BitLimit) {
  const auto ack = ParseAckSubject("$JS.ACK.S.C.1.18446744073709551615.0.1.18446744073709551615");
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->stream_seq, UINT64_MAX);
  EXPECT_EQ(ack->consumer_seq, 0U);
  EXPECT_EQ(ack->pending, UINT64_MAX);
}

TEST(AckSubjectTest, NamesThatNoBrokerGivesAreNothing) {
  for (const char* name : {"", "*", ">", "a*", "a b", "a\r\n", "a\x7f"}) {
    ExpectNothing(std::string("$JS.ACK.") + name + ".C.2.7.3.4.5");
    ExpectNothing(std::string("$JS.ACK.S.") + name + ".2.7.3.4.5");
    ExpectNothing(std::string("$JS.ACK.") + name + ".A.S.C.2.7.3.4.5");
    ExpectNothing(std::string("$JS.ACK.D.A.S.C.2.7.3.4.5.") + name);
  }
  ExpectNothing(std::string("$JS.ACK.a\0b.C.2.7.3.4.5", 24));
}

TEST(AckSubjectTest, TextOverTheBoundIsNotLookedAt) {
  const std::string rest = ".C.2.7.3.4.5";
  const std::string prefix = "$JS.ACK.";
  const std::string longest(1024 - prefix.size() - rest.size(), 's');
  EXPECT_TRUE(ParseAckSubject(prefix + longest + rest).has_value());
  EXPECT_FALSE(ParseAckSubject(prefix + longest + "s" + rest).has_value());
}

}  // namespace
}  // namespace meshwarden::ack_subject_test
