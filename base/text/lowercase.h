// Lower case as JavaScript makes it, whatever the locale: peers compare what they have put into it.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

// `text` with each capital letter replaced by its small one, whatever its script, U+0130 by an i with a dot
// above, and a sigma that ends a word by its final form: one that stands behind a letter that has case and
// before none, looking past marks and past punctuation within words. Other characters stay as they are, and
// so do invalid bytes, which end a word. Letters that are newer than the library's Unicode (14 in Debian 12)
// count as other characters.
std::string LowerCase(std::string_view text);

}  // namespace meshwarden
