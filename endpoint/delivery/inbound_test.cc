#include "endpoint/delivery/inbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"

namespace meshwarden::inbound_test {
namespace {

using Verdict = Inbound::Verdict;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr InboundContext kChat{.space = "main", .own_id = "UB", .stream = Delivery::kChannel};
constexpr InboundContext kDm{.space = "main", .own_id = "UB", .stream = Delivery::kDm};
constexpr InboundContext kTask{
    .space = "main", .own_id = "UB", .stream = Delivery::kAnycast, .own_role = "code reviewer"};

// What UA sends; `key` names its destination.
Json Message(const std::string& key, const std::string& name) {
  return {{"id", "bdd096e1-5303-4525-9c5e-b3111287a323"},
          {"ts", 1795408154253},
          {"space", "main"},
          {"from", {{"id", "UA"}, {"name", "alice"}}},
          {key, name},
          {"parts", {{{"kind", "text"}, {"text", "hello"}}}}};
}

// A stream, and a message on it that is authentic.
struct Path {
  InboundContext context;
  std::string subject;
  Json message;
};

const Path kChatPath{kChat, "cotal.main.chat.UA.team.a", Message("channel", "team.a")};
const Path kDmPath{kDm, "cotal.main.inst.UB.UA", Message("to", "UB")};
const Path kTaskPath{kTask, "cotal.main.svc.code_reviewer.UA", Message("toService", "code reviewer")};

void ExpectRefused(const Path& path, const std::string& subject, const Json& message) {
  const Inbound inbound = Examine(path.context, subject, message.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kRefused) << subject << " " << message;
  EXPECT_THAT(inbound.problem, Not(IsEmpty()));
  EXPECT_EQ(inbound.message, MeshMessage{});
}

// The same on every stream: what a row of the test below needs to be refused by its own fault only.
class InboundTest : public ::testing::TestWithParam<const Path*> {
 protected:
  const Path& path() const { return *GetParam(); }
  // The subject with its one `from` replaced.
  std::string SubjectWith(const std::string& from, const std::string& to) const {
    std::string subject = path().subject;
    const std::size_t at = subject.find(from);
    EXPECT_NE(at, std::string::npos);
    return subject.replace(at, from.size(), to);
  }
};

INSTANTIATE_TEST_SUITE_P(Streams, InboundTest, ::testing::Values(&kChatPath, &kDmPath, &kTaskPath),
                         [](const auto& instance) {
                           return std::string(NameOf(instance.param->context.stream));
                         });

TEST_P(InboundTest, MessageOfItsSenderIsAuthentic) {
  const Inbound inbound = Examine(path().context, path().subject, path().message.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
  EXPECT_THAT(inbound.problem, IsEmpty());
  EXPECT_EQ(EncodeMessage(inbound.message), path().message.dump());
}

TEST_P(InboundTest, OwnMessageIsAnEcho) {
  Json own = path().message;
  own["from"]["id"] = "UB";
  const Inbound inbound = Examine(path().context, SubjectWith("UA", "UB"), own.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kOwnEcho) << inbound.problem;
}

TEST_P(InboundTest, OwnIdIsNoEchoBeforeItIsAuthentic) {
  Json forged = path().message;
  forged["from"]["id"] = "UB";
  ExpectRefused(path(), path().subject, forged);
  ExpectRefused(path(), SubjectWith("UA", "UB"), path().message);
}

TEST_P(InboundTest, SenderOtherThanTheSubjectsIsRefused) {
  ExpectRefused(path(), SubjectWith("UA", "UC"), path().message);
  for (const char* id : {"UC", "ua", "UA ", " UA", "UAA", "U", "*"}) {
    Json forged = path().message;
    forged["from"]["id"] = id;
    ExpectRefused(path(), path().subject, forged);
  }
}

TEST_P(InboundTest, MissingOrOddFromIsRefused) {
  Json without = path().message;
  without.erase("from");
  ExpectRefused(path(), path().subject, without);
  for (const char* from :
       {"null", "\"UA\"", "[]", "{}", R"({"name":"alice"})", R"({"id":null,"name":"alice"})",
        R"({"id":"","name":"alice"})", R"({"id":["UA"],"name":"alice"})"}) {
    Json odd = path().message;
    odd["from"] = Json::parse(from);
    ExpectRefused(path(), path().subject, odd);
  }
}

TEST_P(InboundTest, UndecodablePayloadIsRefusedAndSaysWhy) {
  for (const char* payload : {"", "null", "[]", "{", "\xff\xfe", "{}"}) {
    const Inbound inbound = Examine(path().context, path().subject, payload);
    EXPECT_EQ(inbound.verdict, Verdict::kRefused) << payload;
    EXPECT_THAT(inbound.problem, HasSubstr("UA"));
  }
}

TEST_P(InboundTest, AnotherSpaceIsRefused) {
  ExpectRefused(path(), SubjectWith("main", "other"), path().message);
  ExpectRefused(path(), SubjectWith("main", "Main"), path().message);
  ExpectRefused(path(), SubjectWith("cotal", "total"), path().message);
}

TEST_P(InboundTest, SpaceIsTheOneOfTheSubject) {
  Json claim = path().message;
  claim["space"] = "other";
  const Inbound inbound = Examine(path().context, path().subject, claim.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
  EXPECT_EQ(inbound.message.space, "main");
}

// What a message says of its way is not needed, and where it is odd not believed.
TEST_P(InboundTest, DestinationIsTheOneOfTheSubject) {
  const Inbound whole = Examine(path().context, path().subject, path().message.dump());
  Json none = path().message;
  for (const char* key : {"channel", "to", "toService", "space"}) none.erase(key);
  Json several = path().message;
  several["channel"] = "elsewhere";
  several["to"] = "UZ";
  several["toService"] = "nobody";
  Json empty = none;
  empty["channel"] = "";
  for (const Json& message : {none, several, empty}) {
    const Inbound inbound = Examine(path().context, path().subject, message.dump());
    EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
    EXPECT_EQ(inbound.message.destination, whole.message.destination) << message;
    EXPECT_EQ(inbound.message.space, "main");
  }
}

TEST(ExamineTest, AMessageThatNamesNoChannelIsOfTheSubjectsAlsoIfThatIsAnUnderscore) {
  Json message = Message("channel", "");
  const Inbound inbound = Examine(kChat, "cotal.main.chat.UA._", message.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
  EXPECT_EQ(inbound.message.destination.name, "_");
}

TEST_P(InboundTest, SubjectOfAnotherKindIsRefused) {
  for (const Path* other : {&kChatPath, &kDmPath, &kTaskPath}) {
    if (other == &path()) continue;
    ExpectRefused(path(), other->subject, path().message);
    ExpectRefused(path(), other->subject, other->message);
  }
  ExpectRefused(path(), "cotal.main.ctl.UB.UA", path().message);
  ExpectRefused(path(), "cotal.main.trace.UA", path().message);
}

TEST_P(InboundTest, SubjectsOutOfShapeAreRefused) {
  for (const std::string& subject :
       {std::string(), std::string("cotal"), path().subject + ".", "." + path().subject,
        path().subject + "..x", path().subject + ".a b", path().subject + ".*", path().subject + ".>",
        path().subject + "." + std::string(1024, 'x')}) {
    ExpectRefused(path(), subject, path().message);
  }
}

TEST_P(InboundTest, WildcardAsTheSenderIsRefused) {
  for (const char* token : {"*", ">", ""}) {
    Json forged = path().message;
    forged["from"]["id"] = token;
    ExpectRefused(path(), SubjectWith("UA", token), forged);
    ExpectRefused(path(), SubjectWith("UA", token), path().message);
  }
}

TEST_P(InboundTest, SenderThatTheTokenRuleWouldRewriteIsRefused) {
  Json forged = path().message;
  forged["from"]["id"] = "U/A";
  ExpectRefused(path(), SubjectWith("UA", "U/A"), forged);
}

TEST_P(InboundTest, DestinationIsTheSubjectsWhateverThePayloadClaims) {
  const Inbound honest = Examine(path().context, path().subject, path().message.dump());
  for (const auto& [key, name] : {std::pair("channel", "secret"), std::pair("channel", "*"),
                                  std::pair("to", "UC"), std::pair("toService", "admin")}) {
    Json claim = path().message;
    claim.erase("channel");
    claim.erase("to");
    claim.erase("toService");
    claim[key] = name;
    const Inbound inbound = Examine(path().context, path().subject, claim.dump());
    EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
    EXPECT_EQ(inbound.message.destination, honest.message.destination) << key << " " << name;
    EXPECT_EQ(inbound.channel, honest.channel);
  }
}

TEST(InboundChatTest, ChannelIsTheSubjects) {
  const Inbound inbound = Examine(kChat, kChatPath.subject, kChatPath.message.dump());
  EXPECT_EQ(inbound.channel, "team.a");
  EXPECT_EQ(inbound.message.destination, (Destination{Delivery::kChannel, "team.a"}));
}

TEST(InboundChatTest, ChannelInOtherWordsForTheSameSubjectIsKeptAsWritten) {
  const Json message = Message("channel", "Team.A b");
  const Inbound inbound = Examine(kChat, "cotal.main.chat.UA.Team.A_b", message.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
  EXPECT_EQ(inbound.channel, "Team.A_b");
  EXPECT_EQ(inbound.message.destination, (Destination{Delivery::kChannel, "Team.A b"}));
}

TEST(InboundChatTest, ChannelInAnotherCaseIsAnotherChannel) {
  const Inbound inbound = Examine(kChat, "cotal.main.chat.UA.team.a", Message("channel", "Team.A").dump());
  EXPECT_EQ(inbound.message.destination.name, "team.a");
}

TEST(InboundChatTest, ToAndToServiceNamedLikeTheChannelAreReplaced) {
  for (const char* key : {"to", "toService"}) {
    const Inbound inbound = Examine(kChat, "cotal.main.chat.UA.general", Message(key, "general").dump());
    EXPECT_EQ(inbound.message.destination, (Destination{Delivery::kChannel, "general"})) << key;
  }
}

TEST(InboundChatTest, WildcardsAndWordsToBeRewrittenInTheChannelAreRefused) {
  for (const char* channel : {"", "*", ">", "team.*", "team.>", "*.a", ">.a", "te*m", "team>", "foo/bar",
                              "a..b", ".a", "a.", "a b", "\xC3\xBC", "a\n"}) {
    ExpectRefused(kChatPath, std::string("cotal.main.chat.UA.") + channel, Message("channel", "general"));
  }
  ExpectRefused(kChatPath, "cotal.main.chat.UA", Message("channel", "general"));
}

TEST(InboundDmTest, MessageForAnotherIsRefused) {
  for (const char* target : {"UC", "ub", "*", ">", "", "UB_", "UB.UC"}) {
    ExpectRefused(kDmPath, std::string("cotal.main.inst.") + target + ".UA", kDmPath.message);
  }
  ExpectRefused(kDmPath, "cotal.main.inst.UA.UB", kDmPath.message);
}

TEST(InboundDmTest, DestinationIsOneself) {
  const Inbound inbound = Examine(kDm, kDmPath.subject, kDmPath.message.dump());
  EXPECT_EQ(inbound.message.destination, (Destination{Delivery::kDm, "UB"}));
  EXPECT_THAT(inbound.channel, IsEmpty());
}

TEST(InboundTaskTest, TaskForAnotherRoleIsRefused) {
  for (const char* role : {"admin", "Code_reviewer", "code", "code reviewer", "*", ">", "", "UB"}) {
    ExpectRefused(kTaskPath, std::string("cotal.main.svc.") + role + ".UA", kTaskPath.message);
  }
}

TEST(InboundTaskTest, DestinationIsTheRoleAsItsHolderWritesIt) {
  const Inbound inbound = Examine(kTask, kTaskPath.subject, Message("toService", "code_reviewer").dump());
  EXPECT_EQ(inbound.message.destination, (Destination{Delivery::kAnycast, "code reviewer"}));
  EXPECT_THAT(inbound.channel, IsEmpty());
}

TEST(InboundTaskTest, WithoutARoleNoTaskIsTaken) {
  InboundContext context = kTask;
  context.own_role = "";
  for (const char* subject :
       {"cotal.main.svc._.UA", "cotal.main.svc..UA", "cotal.main.svc.code_reviewer.UA"}) {
    const Inbound inbound = Examine(context, subject, kTaskPath.message.dump());
    EXPECT_EQ(inbound.verdict, Verdict::kRefused) << subject;
    EXPECT_THAT(inbound.problem, HasSubstr("no role"));
  }
}

TEST(InboundProblemTest, TellsTheShapeAndNotTheHostileSubject) {
  const Inbound inbound = Examine(kDm, "cotal.main.inst.UC.\x1b[31mevil", kDmPath.message.dump());
  EXPECT_EQ(inbound.problem, "its subject does not have the shape cotal.main.inst.UB.*");
}

TEST(InboundSpaceTest, SpaceIsComparedAsTheSubjectHasIt) {
  InboundContext context = kChat;
  context.space = "my space";
  const Inbound inbound = Examine(context, "cotal.my_space.chat.UA.team.a", kChatPath.message.dump());
  EXPECT_EQ(inbound.verdict, Verdict::kAuthentic) << inbound.problem;
  EXPECT_EQ(inbound.message.space, "my space");
}

}  // namespace
}  // namespace meshwarden::inbound_test
