#include "base/yaml/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>

#include "base/text/printable.h"
#include "base/yaml/limits.h"
#include "base/yaml/yaml_input.h"

namespace meshwarden {
namespace {

static_assert(kMaxYamlNodes < (1 << 24), "YamlDocument::Record::end has 24 bits");

constexpr char kNoReuse[] = "write the value out where it is needed";

// Leaves yaml-cpp's parser from within an event; the reason has been reported.
struct ParseStopped {};

// yaml-cpp says what its grammar missed; this says what the writer most likely did.
std::string SuggestionFor(std::string_view text, std::size_t offset, std::string_view message) {
  const std::size_t line_end = std::min(text.find('\n', offset), text.size());
  const std::size_t line_start = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
  const std::string_view line = text.substr(line_start, line_end - line_start);
  const bool wildcard = offset < text.size() && std::string_view("*>").find(text[offset]) != text.npos;
  if (wildcard || message.find("alias") != message.npos) {
    return "a pattern that begins with * or > must stand in quotes, as in \"*.news\"";
  }
  if (offset < text.size() && std::string_view("%@`|&!").find(text[offset]) != text.npos) {
    return fmt::format("a value that begins with {} must stand in quotes", text[offset]);
  }
  if (message.find("map value") != message.npos && line.find(':') != line.rfind(':')) {
    return "put one key on each line, and a value that has a colon in quotes";
  }
  if (message.find("sequence flow") != message.npos) return "close the list with ]";
  if (message.find("map flow") != message.npos) return "close the mapping with }";
  return "check the indentation, the brackets and the quotes of this line and the one before it";
}

}  // namespace

// Turns the parser's events into a document, and stops it where a bound is passed.
class YamlTreeBuilder final : public YAML::EventHandler {
 public:
  YamlTreeBuilder(YamlDocument& document, YamlInput& input, const YamlWords& words, ProblemList& problems)
      : document_(document), source_(*document.source_), input_(input), words_(words), problems_(problems) {
    // Only address space: pages are taken as they are written to.
    document_.records_.reserve(std::min(source_.text().size() / 2 + 1, kMaxYamlNodes));
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      Stop(OffsetOf(mark), "a second document, or text after the end of the first",
           "a file is one document: take out what follows, or move it to a file of its own");
    }
  }
  void OnDocumentEnd() override { CheckLastQuote(); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Open(YamlKind::kNull, mark, "", anchor);
    LocateNull();
    Close();
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Open(YamlKind::kRefused, mark, "", 0);
    ReportNotAllowed(OffsetOf(mark), "aliases", kNoReuse);
    Close();
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Open(YamlKind::kScalar, mark, tag, anchor);
    SetText(value);
    Close();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlKind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlKind::kMapping, mark, tag, anchor);
  }
  void OnMapEnd() override {
    ReportRepeatedKeys(open_.back());
    Close();
  }

 private:
  using Record = YamlDocument::Record;

  std::size_t OffsetOf(const YAML::Mark& mark) const {
    return std::min(mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos), source_.text().size());
  }

  // A null that nobody wrote is reported at the next token; its place is the '-' or ':' that it follows.
  void LocateNull() {
    Record& record = document_.records_.back();
    const std::string_view rest = source_.text().substr(record.offset);
    const std::size_t written = rest.substr(0, 1) == "~" ? 1 : IsNullWord(rest.substr(0, 4)) ? 4 : 0;
    if (written == 0) {
      const std::size_t last = source_.text().find_last_not_of(" \r\n", std::max(record.offset, 1U) - 1);
      record.offset = last == std::string_view::npos ? 0 : static_cast<std::uint32_t>(last);
    }
    record.text_begin = record.offset;
    record.text_size = static_cast<std::uint32_t>(written);
  }
  static bool IsNullWord(std::string_view word) { return word == "null" || word == "Null" || word == "NULL"; }

  void Report(std::size_t offset, std::string message, std::string suggestion) {
    problems_.Add(source_, source_.PlaceOf(offset), std::move(message), std::move(suggestion));
    if (problems_.full()) throw ParseStopped();
  }
  void ReportNotAllowed(std::size_t offset, std::string_view what, std::string suggestion) {
    Report(offset, fmt::format("{} are not allowed in a {}", what, words_.file), std::move(suggestion));
  }
  [[noreturn]] void Stop(std::size_t offset, std::string message, std::string suggestion) {
    problems_.Add(source_, source_.PlaceOf(offset), std::move(message), std::move(suggestion));
    throw ParseStopped();
  }

  void Open(YamlKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    input_.Progress();
    const std::size_t offset = OffsetOf(mark);
    if (document_.records_.size() == kMaxYamlNodes) {
      Stop(offset, fmt::format("more than {} values in one file", kMaxYamlNodes),
           std::string(words_.when_too_big));
    }
    open_.push_back(static_cast<std::uint32_t>(document_.records_.size()));
    const bool nests = kind == YamlKind::kList || kind == YamlKind::kMapping;
    if (nests && open_.size() > kMaxYamlDepth) {
      Stop(offset, fmt::format("nested deeper than {} levels", kMaxYamlDepth), std::string(words_.when_deep));
    }
    document_.records_.push_back(Record{.offset = static_cast<std::uint32_t>(offset),
                                        .text_begin = 0,
                                        .text_size = 0,
                                        .end = 0,
                                        .kind = static_cast<std::uint32_t>(kind) & 0xFU,
                                        .style = StyleAt(kind, offset) & 0x7U,
                                        .unescaped = 0});
    CheckProperties(offset, tag, anchor);
  }

  void Close() {
    document_.records_[open_.back()].end = document_.records_.size() & 0xFFFFFFU;
    open_.pop_back();
  }

  // "?" and "!" are what yaml-cpp reports for plain and other scalars without a tag; a lone "!" that is
  // written shows in the text.
  void CheckProperties(std::size_t offset, const std::string& tag, YAML::anchor_t anchor) {
    const bool written = offset < source_.text().size() && source_.text()[offset] == '!';
    if ((!tag.empty() && tag != "?" && tag != "!") || (tag == "!" && written)) {
      ReportNotAllowed(offset, "tags", "leave out what begins with !");
    }
    if (anchor != 0) ReportNotAllowed(offset, "anchors", kNoReuse);
  }

  std::uint32_t StyleAt(YamlKind kind, std::size_t offset) const {
    YamlStyle style = YamlStyle::kPlain;
    if (kind == YamlKind::kScalar && offset < source_.text().size()) {
      const char first = source_.text()[offset];
      if (first == '"' || first == '\'') style = YamlStyle::kQuoted;
      if (first == '|' || first == '>') style = YamlStyle::kBlock;
    }
    return static_cast<std::uint32_t>(style);
  }

  // Most texts stand in the source as they are and need no copy.
  void SetText(const std::string& value) {
    Record& record = document_.records_.back();
    const bool quoted = record.style == static_cast<std::uint32_t>(YamlStyle::kQuoted);
    const std::size_t begin = record.offset + (quoted ? 1U : 0U);
    record.text_size = static_cast<std::uint32_t>(value.size());
    record.unescaped = source_.text().substr(begin, value.size()) != value ? 1 : 0;
    record.text_begin =
        static_cast<std::uint32_t>(record.unescaped != 0 ? document_.unescaped_.size() : begin);
    if (record.unescaped != 0) document_.unescaped_ += value;
  }

  // yaml-cpp takes a quoted text for closed where the file ends.
  void CheckLastQuote() {
    const auto last = std::find_if(
        document_.records_.rbegin(), document_.records_.rend(),
        [](const Record& record) { return record.kind != static_cast<std::uint32_t>(YamlKind::kNull); });
    if (last == document_.records_.rend() || last->style != static_cast<std::uint32_t>(YamlStyle::kQuoted))
      return;
    const std::string_view text = source_.text();
    const char quote = text[last->offset];
    for (std::size_t i = last->offset + 1; i < text.size(); ++i) {
      const bool doubled = quote == '\'' && text.substr(i, 2) == "''";
      if (doubled || (quote == '"' && text[i] == '\\')) {
        ++i;
      } else if (text[i] == quote) {
        return;
      }
    }
    Stop(last->offset, "a quote is not closed", fmt::format("end the text with {}", quote));
  }

  void ReportRepeatedKeys(std::uint32_t mapping) {
    keys_.clear();
    bool is_key = true;
    const auto& records = document_.records_;
    for (std::size_t i = mapping + 1; i < records.size(); i = records[i].end, is_key = !is_key) {
      if (is_key && records[i].kind == static_cast<std::uint32_t>(YamlKind::kScalar)) {
        keys_.emplace_back(document_.TextOf(records[i]), records[i].offset);
      }
    }
    std::sort(keys_.begin(), keys_.end());
    for (std::size_t i = 1; i < keys_.size(); ++i) {
      if (keys_[i].first != keys_[i - 1].first) continue;
      Report(keys_[i].second,
             fmt::format("key {} appears twice, first on line {}", Quoted(keys_[i].first),
                         source_.PlaceOf(keys_[i - 1].second).line),
             "keep one of them");
    }
  }

  YamlDocument& document_;
  const SourceText& source_;
  YamlInput& input_;
  const YamlWords& words_;
  ProblemList& problems_;
  int documents_ = 0;
  std::vector<std::uint32_t> open_;  // nodes that are not complete, outermost first
  std::vector<std::pair<std::string_view, std::uint32_t>> keys_;
};

std::optional<YamlDocument> YamlDocument::Parse(const SourceText& source, const YamlWords& words,
                                                ProblemList& problems) {
  YamlDocument document(source);
  YamlInput input(source.text());
  std::istream stream(&input);
  const auto report = [&](std::size_t offset, std::string message, std::string suggestion) {
    problems.Add(source, source.PlaceOf(offset), std::move(message), std::move(suggestion));
    return std::nullopt;
  };
  const auto report_exhausted = [&] {
    const std::size_t offset = document.records_.empty() ? 0 : document.records_.back().offset;
    return report(offset, "a list or mapping in brackets, or a text, that is too long to read",
                  "write it with one entry on each line, without brackets");
  };
  try {
    YamlTreeBuilder builder(document, input, words, problems);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const ParseStopped&) {
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    if (input.exhausted()) return report_exhausted();
    const auto offset = static_cast<std::size_t>(std::max(error.mark.pos, 0));
    return report(offset, "not valid YAML: " + error.msg, SuggestionFor(source.text(), offset, error.msg));
  }
  if (input.exhausted()) return report_exhausted();
  if (document.records_.empty()) {
    return report(0, fmt::format("the {} is empty", words.file), std::string(words.when_empty));
  }
  return document;
}

std::string_view YamlDocument::TextOf(const Record& record) const {
  const std::string_view whole = record.unescaped ? std::string_view(unescaped_) : source_->text();
  return whole.substr(record.text_begin, record.text_size);
}

YamlKind YamlNode::kind() const { return static_cast<YamlKind>(document_->records_[index_].kind); }
YamlStyle YamlNode::style() const { return static_cast<YamlStyle>(document_->records_[index_].style); }
std::string_view YamlNode::text() const { return document_->TextOf(document_->records_[index_]); }
Place YamlNode::place() const { return document_->source_->PlaceOf(document_->records_[index_].offset); }

std::vector<YamlNode> YamlNode::Children() const {
  std::vector<YamlNode> children;
  const auto& records = document_->records_;
  for (std::uint32_t i = index_ + 1; i < records[index_].end; i = records[i].end) {
    children.push_back(YamlNode(document_, i));
  }
  return children;
}

std::vector<YamlNode> YamlNode::Elements() const {
  return kind() == YamlKind::kList ? Children() : std::vector<YamlNode>();
}

std::vector<std::pair<YamlNode, YamlNode>> YamlNode::Entries() const {
  std::vector<std::pair<YamlNode, YamlNode>> entries;
  if (kind() != YamlKind::kMapping) return entries;
  const std::vector<YamlNode> children = Children();
  entries.reserve(children.size() / 2);
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) entries.emplace_back(children[i], children[i + 1]);
  return entries;
}

}  // namespace meshwarden
