#include "base/yaml/yaml_input.h"

#include <gtest/gtest.h>

#include <istream>
#include <iterator>
#include <string>

namespace meshwarden::yaml_input_test {
namespace {

std::string ReadAll(YamlInput& input) {
  std::istream stream(&input);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::string Repeated(std::string_view piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

TEST(YamlInput, HandsOverTheWholeText) {
  const std::string text = Repeated("word ", 10'000);
  YamlInput input(text);
  EXPECT_EQ(ReadAll(input), text);
  EXPECT_FALSE(input.exhausted());
}

TEST(YamlInput, AnEmptyTextIsAtItsEnd) {
  YamlInput input("");
  EXPECT_EQ(ReadAll(input), "");
  EXPECT_FALSE(input.exhausted());
}

TEST(YamlInput, CharactersCanBePutBack) {
  YamlInput input("ab");
  std::istream stream(&input);
  EXPECT_EQ(stream.get(), 'a');
  stream.putback('a');
  EXPECT_EQ(stream.get(), 'a');
  EXPECT_EQ(stream.get(), 'b');
}

TEST(YamlInput, EndsEarlyAfterTooManyTokens) {
  const std::string text(2 * YamlInput::kMaxTokensAhead, '[');
  YamlInput input(text);
  EXPECT_LT(ReadAll(input).size(), YamlInput::kMaxTokensAhead + 4'096);
  EXPECT_TRUE(input.exhausted());
}

TEST(YamlInput, EndsEarlyAfterTooManyBytes) {
  const std::string text(2 * YamlInput::kMaxBytesAhead, 'x');
  YamlInput input(text);
  EXPECT_LT(ReadAll(input).size(), YamlInput::kMaxBytesAhead + 4'096);
  EXPECT_TRUE(input.exhausted());
}

TEST(YamlInput, AsManyAsAllowedAreNotTooMany) {
  const std::string text(YamlInput::kMaxTokensAhead, '[');
  YamlInput input(text);
  EXPECT_EQ(ReadAll(input), text);
  EXPECT_FALSE(input.exhausted());
}

TEST(YamlInput, CommentsAndBlankLinesCostNothing) {
  const std::string text = Repeated("  # [[[[[[[[[[[[[[[[\n\n      \n", 100'000);
  YamlInput input(text);
  EXPECT_EQ(ReadAll(input).size(), text.size());
  EXPECT_FALSE(input.exhausted());
}

TEST(YamlInput, WhatFollowsTextOnALineIsNoComment) {
  const std::string text = Repeated("a # [[[[[[[[[[[[[[[[\n", 100'000);
  YamlInput input(text);
  EXPECT_LT(ReadAll(input).size(), text.size());
  EXPECT_TRUE(input.exhausted());
}

TEST(YamlInput, EveryEventGivesANewAllowance) {
  const std::string text(2 * YamlInput::kMaxTokensAhead, '[');
  YamlInput input(text);
  std::istream stream(&input);
  std::size_t read = 0;
  while (stream.get() != std::istream::traits_type::eof()) {
    if (++read % 10'000 == 0) input.Progress();
  }
  EXPECT_EQ(read, text.size());
  EXPECT_FALSE(input.exhausted());
}

}  // namespace
}  // namespace meshwarden::yaml_input_test
