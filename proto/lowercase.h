// Lower case as the peers' JavaScript makes it. Internal to proto.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

// `text` with the capital letters of Latin (Latin-1, Extended-A, the accented pairs of Extended-B, Extended
// Additional with Vietnamese), modern Greek, Cyrillic and Armenian replaced by small ones, a sigma at the end
// of a word by its final form, and U+0130 by an i with a dot above. Other characters, among them rarer
// scripts with case (Cherokee, Georgian, polytonic Greek, letters for phonetics), and invalid bytes stay as
// they are.
std::string LowerCase(std::string_view text);

}  // namespace meshwarden
