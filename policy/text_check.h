// The first look at a policy file, before a parser sees it.
#pragma once

#include "policy/problem.h"
#include "policy/source_text.h"

namespace meshwarden {

// Reports a text that is too long, is not UTF-8, is indented with tabs, or holds characters that make it look
// different from what it says (control characters, lone carriage returns, direction marks). True if it may
// be parsed.
bool CheckText(const SourceText& source, ProblemList& problems);

}  // namespace meshwarden
