#include "proto/unknown_fields.h"

#include <gtest/gtest.h>

namespace meshwarden::unknown_fields_test {
namespace {

TEST(UnknownFieldsTest, UnknownFieldsKeepTheirOrder) {
  Json from = Json::parse(R"({"z":1,"known":2,"a":{"b":[3]},"also":4})");
  EXPECT_EQ(TakeUnknownFields(from, {"also", "known"}).dump(), R"({"z":1,"a":{"b":[3]}})");
  EXPECT_EQ(from.dump(), R"({"known":2,"also":4})");
  EXPECT_EQ(TakeUnknownFields(from, {"known", "also", "z"}).dump(), "{}");
  EXPECT_EQ(from.dump(), R"({"known":2,"also":4})");
}

TEST(UnknownFieldsTest, KnownFieldWinsOverAnUnknownOfItsName) {
  Json target = Json::parse(R"({"op":"a"})");
  AppendUnknownFields(Json::parse(R"({"op":"b","x":1})"), target);
  EXPECT_EQ(target.dump(), R"({"op":"a","x":1})");
}

TEST(UnknownFieldsTest, FieldsGoBackBehindThoseThatAreThere) {
  Json unknown = Json::parse(R"({"z":1,"a":{"b":[3]},"m":2})");
  Json target = ObjectWithRoom(2, unknown);
  target["op"] = "a";
  target["m"] = 3;
  AppendUnknownFields(unknown, target);
  EXPECT_EQ(target.dump(), R"({"op":"a","m":3,"z":1,"a":{"b":[3]}})");
}

TEST(UnknownFieldsTest, WhatIsNoObjectAddsNothing) {
  Json target = Json::object();
  AppendUnknownFields(Json(), target);
  AppendUnknownFields(Json::array({1}), target);
  EXPECT_TRUE(target.empty());
}

}  // namespace
}  // namespace meshwarden::unknown_fields_test
