#include "base/yaml/scalar_type.h"

#include <gtest/gtest.h>

namespace meshwarden::scalar_type_test {
namespace {

TEST(TypeOfPlainScalar, NamesAreStrings) {
  for (const char* text : {"general", "team.>",     "fixed-bot", "1.2.3",   "1a",  "a1",   "-",
                           "-x",      "2024-01-01", "nullable",  "trueish", "0x",  "0xZZ", "e5",
                           "1e",      "1e+",        ".",         "..",      "24h", "_1",   "on1"}) {
    EXPECT_EQ(TypeOfPlainScalar(text), ScalarType::kString) << text;
  }
}

TEST(TypeOfPlainScalar, NothingIsNull) {
  for (const char* text : {"", "~", "null", "Null", "NULL"}) {
    EXPECT_EQ(TypeOfPlainScalar(text), ScalarType::kNull) << text;
  }
}

TEST(TypeOfPlainScalar, WordsOfEitherYamlAreTruthValues) {
  for (const char* text : {"true", "False", "yes", "NO", "on", "Off"}) {
    EXPECT_EQ(TypeOfPlainScalar(text), ScalarType::kBool) << text;
  }
}

TEST(TypeOfPlainScalar, NumbersOfEitherYamlAreNumbers) {
  for (const char* text : {"0", "123", "-1", "+1", "1_000", "0x1F", "0o17", "0b101", "1.5", "1.", ".5", "1e3",
                           "1.5E-3", ".inf", "-.INF", ".NaN"}) {
    EXPECT_EQ(TypeOfPlainScalar(text), ScalarType::kNumber) << text;
  }
}

}  // namespace
}  // namespace meshwarden::scalar_type_test
