#include "proto/unknown_fields.h"

#include <gtest/gtest.h>

namespace meshwarden {
namespace {

TEST(UnknownFieldsTest, UnknownFieldsKeepTheirOrder) {
  const Json from = Json::parse(R"({"z":1,"known":2,"a":{"b":[3]}})");
  EXPECT_EQ(UnknownFields(from, {"known"}).dump(), R"({"z":1,"a":{"b":[3]}})");
  EXPECT_EQ(UnknownFields(from, {"known", "z", "a"}).dump(), "{}");
}

TEST(UnknownFieldsTest, KnownFieldWinsOverAnUnknownOfItsName) {
  Json target = Json::parse(R"({"op":"a"})");
  AppendUnknownFields(Json::parse(R"({"op":"b","x":1})"), target);
  EXPECT_EQ(target.dump(), R"({"op":"a","x":1})");
}

TEST(UnknownFieldsTest, WhatIsNoObjectAddsNothing) {
  Json target = Json::object();
  AppendUnknownFields(Json(), target);
  AppendUnknownFields(Json::array({1}), target);
  EXPECT_TRUE(target.empty());
}

}  // namespace
}  // namespace meshwarden
