#include "manager/watch/broker_event.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace meshwarden::broker_event_test {
namespace {

constexpr char kApi[] = "$JS.EVENT.ADVISORY.API";
constexpr char kGone[] = "$JS.EVENT.ADVISORY.CONSUMER.DELETED.CHAT_main.chat_UA";
constexpr char kDelete[] = "$JS.API.CONSUMER.DELETE.CHAT_main.chat_UA";

// As a broker writes it.
std::string Use(const std::string& client, const std::string& subject,
                const std::string& type = "io.nats.jetstream.advisory.v1.api_audit") {
  return fmt::format(R"({{"type":"{}","id":"x","timestamp":"2026-11-29T09:08:28.3Z","server":"N",)"
                     R"("client":{},"subject":"{}","response":"{{\"success\":true}}"}})",
                     type, client, subject);
}
std::string Gone(const std::string& stream, const std::string& consumer, const std::string& action = "delete",
                 const std::string& type = "io.nats.jetstream.advisory.v1.consumer_action") {
  return fmt::format(R"({{"type":"{}","id":"x","stream":"{}","consumer":"{}","action":"{}"}})", type, stream,
                     consumer, action);
}
constexpr char kNobody[] = R"({"id":10,"acc":"A","kind":"JetStream"})";
constexpr char kSomebody[] = R"({"id":46,"acc":"A","user":"UM","name":"m","kind":"Client"})";

TEST(ParseAdvisory, TellsAUseOfTheApiThatNobodyAskedFor) {
  const auto event = ParseAdvisory(kApi, Use(kNobody, "$JS.API.STREAM.INFO.CHAT_main"));
  const ApiUse expected{.subject = "$JS.API.STREAM.INFO.CHAT_main", .kind = "JetStream", .user = ""};
  ASSERT_EQ(event, BrokerEvent(expected));
  EXPECT_TRUE(expected.driven());
}

TEST(ParseAdvisory, TellsWhoDeletesAConsumer) {
  const auto event = ParseAdvisory(kApi, Use(kSomebody, kDelete));
  const ApiUse expected{.subject = kDelete, .kind = "Client", .user = "UM"};
  ASSERT_EQ(event, BrokerEvent(expected));
  EXPECT_FALSE(expected.driven());
}

TEST(ParseAdvisory, LeavesOutWhatClientsAskForOtherwise) {
  EXPECT_EQ(ParseAdvisory(kApi, Use(kSomebody, "$JS.API.CONSUMER.INFO.CHAT_main.chat_UA")), std::nullopt);
  // A client that is called so, and one that puts the words into its request.
  EXPECT_EQ(ParseAdvisory(kApi, Use(R"({"user":"UM","name":"\"kind\":\"JetStream\"","kind":"Client"})",
                                    "$JS.API.CONSUMER.INFO.CHAT_main.chat_UA")),
            std::nullopt);
  EXPECT_EQ(ParseAdvisory(kApi, Use(R"({"user":"UM","name":"JetStream","kind":"Client"})", "$JS.API.INFO")),
            std::nullopt);
  // An internal client that has a user is somebody.
  EXPECT_EQ(ParseAdvisory(kApi, Use(R"({"user":"UM","kind":"JetStream"})", "$JS.API.INFO")), std::nullopt);
}

TEST(ParseAdvisory, TellsThatAConsumerIsGone) {
  const ConsumerGone expected{.stream = "CHAT_main", .consumer = "chat_UA"};
  EXPECT_EQ(ParseAdvisory(kGone, Gone("CHAT_main", "chat_UA")), BrokerEvent(expected));
}

// Whoever aims an answer chooses the subject or the body, not both.
TEST(ParseAdvisory, SubjectAndTypeMustBothFit) {
  const std::string aimed = "cotal.main.chat.UM.general";
  EXPECT_EQ(ParseAdvisory(aimed, Gone("CHAT_main", "chat_UA")), std::nullopt);
  EXPECT_EQ(ParseAdvisory(aimed, Use(kNobody, kDelete)), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kApi, Gone("CHAT_main", "chat_UA")), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kGone, Use(kNobody, kDelete)), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kApi, Use(kNobody, kDelete, "io.nats.jetstream.advisory.v1.other")), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kGone, Gone("CHAT_main", "chat_UA", "delete", "other")), std::nullopt);
  for (const std::string body : {"", "{}", "[]", R"({"stream":"CHAT_main","seq":7})", "+ACK"}) {
    EXPECT_EQ(ParseAdvisory(kGone, body), std::nullopt) << body;
    EXPECT_EQ(ParseAdvisory(kApi, body), std::nullopt) << body;
  }
}

TEST(ParseAdvisory, AConsumersAdvisoryIsOfTheOneInItsSubject) {
  EXPECT_EQ(ParseAdvisory(kGone, Gone("CHAT_main", "chat_UB")), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kGone, Gone("DM_main", "chat_UA")), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kGone, Gone("CHAT_main", "chat_UA", "create")), std::nullopt);
}

TEST(ParseAdvisory, IsBounded) {
  std::string largest = Use(kNobody, kDelete);
  largest.resize(kMaxAdvisoryBytes, ' ');
  EXPECT_NE(ParseAdvisory(kApi, largest), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kApi, largest + " "), std::nullopt);
  EXPECT_EQ(ParseAdvisory(kApi, "{\"type\":" + std::string(100'000, '[') + "\"JetStream\""), std::nullopt);
}

TEST(ParsePlaceMove, AClientNamesTheConsumerAndAwaitsTheAnswerInAnInbox) {
  const PlaceMove move = ParsePlaceMove({.stream = "DM_main",
                                         .subject = "$JS.API.CONSUMER.RESET.DM_main.dm_UA",
                                         .reply = "_INBOX_UM.1.2",
                                         .payload = R"({"seq":7})"});
  EXPECT_EQ(move,
            (PlaceMove{.stream = "DM_main", .consumer = "dm_UA", .reply = "_INBOX_UM.1.2", .next_seq = 7}));
  EXPECT_FALSE(move.driven());
}

TEST(ParsePlaceMove, OneThatIsDrivenDoesNot) {
  const std::string ack = "$JS.ACK.CHAT_main.chat_UM.1.2.3.4.5";
  // A message that was delivered shows the subject that it is stored under.
  PlaceMove move = ParsePlaceMove({.stream = "DM_main",
                                   .subject = "cotal.main.chat.UM.general",
                                   .reply = ack,
                                   .payload = R"({"seq":7})"});
  EXPECT_TRUE(move.driven());
  EXPECT_EQ(move.consumer, "");
  EXPECT_EQ(move.next_seq, 7u);
  // Also if that looks like an inbox.
  move.reply = "_INBOX_UM.1.2";
  EXPECT_TRUE(move.driven());
  for (const std::string& reply : {std::string(), ack}) {
    move = ParsePlaceMove({.stream = "DM_main",
                           .subject = "$JS.API.CONSUMER.RESET.DM_main.dm_UA",
                           .reply = reply,
                           .payload = ""});
    EXPECT_TRUE(move.driven()) << reply;
    EXPECT_EQ(move.consumer, "dm_UA");
    EXPECT_EQ(move.next_seq, std::nullopt);
  }
}

TEST(ParsePlaceMove, ReadsNoPlaceOutOfWhatIsNone) {
  for (const std::string& payload :
       {std::string("{}"), std::string(R"({"seq":-1})"), std::string(R"({"seq":"7"})"), std::string("7"),
        R"({"seq":7,"x":")" + std::string(5'000, 'x') + "\"}"}) {
    EXPECT_EQ(ParsePlaceMove({.stream = "S", .subject = "", .reply = "", .payload = payload}).next_seq,
              std::nullopt)
        << payload;
  }
}

TEST(PlaceMoves, NamesOneStreamAndNoLiteralSubject) {
  EXPECT_EQ(PlaceMoves("DM_main"), "$JS.API.CONSUMER.RESET.DM_main.*");
  EXPECT_EQ(GoneConsumers("DM_main"), "$JS.EVENT.ADVISORY.CONSUMER.DELETED.DM_main.*");
}

}  // namespace
}  // namespace meshwarden::broker_event_test
