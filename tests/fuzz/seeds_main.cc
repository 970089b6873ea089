// Gives a fuzz target nothing, and then each file named in the arguments, once. A broken invariant ends the
// program as it ends the fuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void Try(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  Try("");
  for (int i = 1; i < argc; ++i) {
    std::fprintf(stderr, "seed: %s\n", argv[i]);
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read it\n");
      return 1;
    }
    Try({std::istreambuf_iterator<char>(file), {}});
  }
  return 0;
}
