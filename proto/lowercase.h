// Lower case as the peers' JavaScript makes it. Internal to proto.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

// `text` with each capital letter replaced by its small one, whatever its script (Unicode 17), a sigma at the
// end of a word by its final form, and U+0130 by an i with a dot above. What a word is, is known for the
// letters that have case and the commonest marks and punctuation. Other characters and invalid bytes stay as
// they are.
std::string LowerCase(std::string_view text);

}  // namespace meshwarden
