// YAML as a policy may use it: one document of mappings, lists and scalars, read within bounds.
//
// This is the only place that knows yaml-cpp. Its parser's events go straight into a flat table of 16 bytes
// a node, so that what is refused costs nothing: anchors, aliases and tags are reported where they stand and
// never followed; depth, number of nodes and how far the parser may read ahead are bounded while it runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/yaml/problem.h"
#include "base/yaml/source_text.h"
#include "base/yaml/yaml_words.h"

namespace meshwarden {

class YamlDocument;

enum class YamlKind : std::uint8_t {
  kNull,  // null, ~ or nothing at all
  kScalar,
  kList,
  kMapping,
  kRefused,  // an alias: already reported, to be passed over in silence
};

// How a scalar is written; of other kinds kPlain.
enum class YamlStyle : std::uint8_t { kPlain, kQuoted, kBlock };

// One node of a document, which it must not outlive. Cheap to copy.
class YamlNode {
 public:
  YamlKind kind() const;
  YamlStyle style() const;
  // A scalar's text, escapes worked in; of a null what stands there; empty for other kinds.
  std::string_view text() const;
  // Where the node stands; a null that is not written at what comes before it.
  Place place() const;
  // The elements of a list; nothing for other kinds.
  std::vector<YamlNode> Elements() const;
  // Keys with their values in the order of the file, repeated keys included; nothing for other kinds.
  std::vector<std::pair<YamlNode, YamlNode>> Entries() const;

 private:
  friend class YamlDocument;
  YamlNode(const YamlDocument* document, std::uint32_t index) : document_(document), index_(index) {}
  // Its children, the keys and values of a mapping in turn.
  std::vector<YamlNode> Children() const;

  const YamlDocument* document_;
  std::uint32_t index_;
};

// Immutable and thread-safe. `source` must outlive it.
class YamlDocument {
 public:
  // Reports what is wrong with the YAML itself: syntax, a repeated key, an anchor, alias or tag, a second
  // document, nothing in it, a bound passed. Nothing if no document can be walked; a document that can may
  // have had problems too.
  static std::optional<YamlDocument> Parse(const SourceText& source, const YamlWords& words,
                                           ProblemList& problems);

  YamlNode root() const { return {this, 0}; }

 private:
  friend class YamlNode;
  friend class YamlTreeBuilder;

  // Nodes lie in the order of the text, so a node's children follow it directly.
  struct Record {
    std::uint32_t offset;
    std::uint32_t text_begin;
    std::uint32_t text_size;
    std::uint32_t end : 24;  // the first node behind it that is no descendant
    std::uint32_t kind : 4;
    std::uint32_t style : 3;
    std::uint32_t unescaped : 1;  // text is in unescaped_, not in the source
  };

  explicit YamlDocument(const SourceText& source) : source_(&source) {}
  std::string_view TextOf(const Record& record) const;

  const SourceText* source_;
  std::vector<Record> records_;
  std::string unescaped_;  // texts that do not stand in the source as they are
};

}  // namespace meshwarden
