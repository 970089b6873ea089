// The first look at a YAML file, before a parser sees it.
#pragma once

#include "base/yaml/problem.h"
#include "base/yaml/source_text.h"
#include "base/yaml/yaml_words.h"

namespace meshwarden {

// Reports a text that is too long, is not UTF-8, is indented with tabs, or holds characters that make it look
// different from what it says (control characters, lone carriage returns, direction marks). True if it may
// be parsed.
bool CheckText(const SourceText& source, const YamlWords& words, ProblemList& problems);

}  // namespace meshwarden
