#include "proto/identity/base32.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace meshwarden::base32_test {
namespace {

std::string Encode(std::string_view bytes) {
  const std::vector<unsigned char> raw(bytes.begin(), bytes.end());
  std::string text(Base32Length(raw.size()), '\0');
  EncodeBase32(raw, text);
  return text;
}

Base32Result Decode(std::string_view text, std::size_t size, std::string* bytes) {
  std::vector<unsigned char> raw(size);
  const Base32Result result = DecodeBase32(text, raw);
  bytes->assign(raw.begin(), raw.end());
  return result;
}

TEST(Base32Test, WritesTheExamplesOfTheStandard) {
  EXPECT_EQ(Encode(""), "");
  EXPECT_EQ(Encode("f"), "MY");
  EXPECT_EQ(Encode("foo"), "MZXW6");
  EXPECT_EQ(Encode("foobar"), "MZXW6YTBOI");
}

TEST(Base32Test, ReadsWhatItWrites) {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 37 + 200));
    std::string back;
    EXPECT_EQ(Decode(Encode(bytes), size, &back), Base32Result::kOk);
    EXPECT_EQ(back, bytes);
  }
}

TEST(Base32Test, OnlyTheUpperCaseAlphabetIsRead) {
  std::string bytes;
  EXPECT_EQ(Decode("mzxw6", 3, &bytes), Base32Result::kBadCharacter);
  EXPECT_EQ(Decode("MZXW1", 3, &bytes), Base32Result::kBadCharacter);
  EXPECT_EQ(Decode("MZXW=", 3, &bytes), Base32Result::kBadCharacter);
  EXPECT_EQ(Decode("MZXW\xC3", 3, &bytes), Base32Result::kBadCharacter);
}

TEST(Base32Test, TrailingBitsAreToldButTheBytesStand) {
  std::string bytes;
  EXPECT_EQ(Decode("MZ", 1, &bytes), Base32Result::kTrailingBits);
  EXPECT_EQ(bytes, "f");
}

TEST(Base32Test, LengthMustBelongToTheBytes) {
  std::string bytes;
  EXPECT_EQ(Decode("MZX", 1, &bytes), Base32Result::kBadLength);
  EXPECT_EQ(Decode("MZXW6", 2, &bytes), Base32Result::kBadLength);
  EXPECT_EQ(Decode("", 1, &bytes), Base32Result::kBadLength);
}

}  // namespace
}  // namespace meshwarden::base32_test
