#include "manager/peers/peer_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/secret_token.h"
#include "base/status_matchers.h"

namespace meshwarden::peer_message_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;

class PeerMessageTest : public ::testing::Test {
 protected:
  void ExpectRefused(std::string_view text) {
    EXPECT_THAT(seal_.Open(text, to_), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }

  const std::string token_ = MakeSecretToken();
  const std::string to_ = MakeSecretToken();
  const PeerSeal seal_{token_};
  const PeerMessage pass_{.kind = PeerMessage::Kind::kPass,
                          .from = MakeSecretToken(),
                          .number = 3,
                          .subject = "cotal.main.ctl.self.UA",
                          .reply = "_INBOX_UA.x",
                          .payload = "{\n\"op\":1}\n\n",
                          .age_ms = 12};
};

TEST_F(PeerMessageTest, IsReadAsItWasWritten) {
  EXPECT_THAT(seal_.Open(seal_.Seal(pass_, to_), to_), IsOkAndHolds(pass_));
  for (const PeerMessage::Kind kind : {PeerMessage::Kind::kBeat, PeerMessage::Kind::kTook}) {
    const PeerMessage message{.kind = kind, .from = pass_.from, .number = 9};
    EXPECT_THAT(seal_.Open(seal_.Seal(message, to_), to_), IsOkAndHolds(message));
  }
}

TEST_F(PeerMessageTest, ALostMoveIsReadAsItWasWritten) {
  PeerMessage lost{.kind = PeerMessage::Kind::kLost, .from = pass_.from, .number = 4, .agent = "UA"};
  lost.channels = std::vector<std::string>(64, std::string(200, 'c'));
  EXPECT_THAT(seal_.Open(seal_.Seal(lost, to_), to_), IsOkAndHolds(lost));
  lost.channels.clear();
  EXPECT_THAT(seal_.Open(seal_.Seal(lost, to_), to_), IsOkAndHolds(lost));
}

TEST_F(PeerMessageTest, ACopyIsForOneReceiverOnly) {
  EXPECT_THAT(seal_.Open(seal_.Seal(pass_, MakeSecretToken()), to_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(PeerMessageTest, AnotherSpaceSealsNothingHere) {
  ExpectRefused(PeerSeal(MakeSecretToken()).Seal(pass_, to_));
}

TEST_F(PeerMessageTest, WhatWasAlteredIsRefused) {
  const std::string sealed = seal_.Seal(pass_, to_);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string altered = sealed;
    altered[i] ^= 1;
    ExpectRefused(altered);
  }
  ExpectRefused(sealed.substr(0, sealed.size() - 1));
  ExpectRefused(sealed + "x");
  ExpectRefused("");
  ExpectRefused("\n\n");
}

TEST_F(PeerMessageTest, WhatIsTooLongIsNotLookedAt) {
  PeerMessage message = pass_;
  message.payload.assign(64 * 1024, 'x');
  EXPECT_THAT(seal_.Open(seal_.Seal(message, to_), to_), IsOk());
  message.payload.assign(kMaxPeerMessageBytes, 'x');
  ExpectRefused(seal_.Seal(message, to_));
}

}  // namespace
}  // namespace meshwarden::peer_message_test
