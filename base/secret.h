// Bytes that must not leak: seeds and private keys.
//
// The memory is guarded, left out of core dumps, wiped when the object dies, and locked, so that it is not
// swapped, as far as the system lets the process lock any (AreLocked). There is no way to print a Secret; the
// bytes come out only through Expose(), so that every exposure is one word to search for. A Secret is moved,
// never copied. Not synchronised: const use from several threads is safe.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace meshwarden {

class Secret {
 public:
  Secret() = default;
  // `size` bytes, all zero. Aborts if the system has no memory for them.
  explicit Secret(std::size_t size);
  // A copy of `text`; wiping `text` itself is the caller's affair.
  static Secret CopyOf(std::string_view text);
  // Whether the system lets this process lock memory for one Secret more.
  static bool AreLocked();

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The bytes themselves, valid while this object lives and is not moved from.
  std::span<unsigned char> Expose() { return {data_, size_}; }
  std::span<const unsigned char> Expose() const { return {data_, size_}; }
  std::string_view ExposeText() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Overwrites `size` bytes at `data` in a way that the compiler does not leave out.
void WipeMemory(void* data, std::size_t size);

}  // namespace meshwarden
