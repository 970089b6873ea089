// JSON text in which halves of a UTF-16 pair stand alone, as "\ud83d" without its other half. JavaScript
// writes that where a text was cut in the middle of a character, and other readers of JSON take it; no UTF-8
// holds it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

// `json` with every escape of a lone half made "\ufffd", the character that stands for what can't be shown:
// as long as before, so that places in it stay the same. Nothing if there is none. Linear; says nothing of
// whether the text is JSON.
std::optional<std::string> ReplaceLoneSurrogates(std::string_view json);

}  // namespace meshwarden
