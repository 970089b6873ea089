// What came of running a list of conformance cases.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace meshwarden::conformance {

struct CaseResults {
  int passed = 0;
  int failed = 0;
  // Cases whose vector the contract overrules: checked against our own expected result, and not in `passed`.
  int decided_otherwise = 0;
  std::vector<std::string> failures;  // one line for each of `failed`

  void Pass() { ++passed; }
  void DecideOtherwise() { ++decided_otherwise; }
  void Fail(std::string what) {
    ++failed;
    failures.push_back(std::move(what));
  }
  void Add(const CaseResults& other) {
    passed += other.passed;
    failed += other.failed;
    decided_otherwise += other.decided_otherwise;
    failures.insert(failures.end(), other.failures.begin(), other.failures.end());
  }
};

}  // namespace meshwarden::conformance
