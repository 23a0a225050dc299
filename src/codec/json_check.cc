#include "codec/json_check.h"

#include <array>
#include <cstring>

#include <simdjson.h>

#include "base/check.h"
#include "codec/json_grammar.h"

namespace penstock::codec {
namespace {

bool may_begin_json(Bytes text) {
  // A byte order mark, which some versions of simdjson skip, does not belong to JSON.
  return !text.empty() && text.front() != std::byte{0xEF};
}

}  // namespace

struct JsonCheck::Parser {
  simdjson::dom::parser parser;
  simdjson::dom::document document;
  std::array<std::byte, k_parsed_bytes_max + k_padding> copy;
};

JsonCheck::JsonCheck() = default;
JsonCheck::~JsonCheck() = default;

JsonCheck::Parser& JsonCheck::parser() {
  if (!parser_) {
    parser_ = std::make_unique<Parser>();
    CHECK((parser_->document.allocate(k_parsed_bytes_max) == simdjson::SUCCESS));
    CHECK((parser_->parser.allocate(k_parsed_bytes_max, k_json_depth_max) == simdjson::SUCCESS));
  }
  return *parser_;
}

bool JsonCheck::is_json_padded(Bytes text) {
  if (!may_begin_json(text)) {
    return false;
  }
  if (text.size() > k_parsed_bytes_max) {
    return follows_json_grammar(as_text(text));
  }
  Parser& lent = parser();
  const simdjson::error_code error =
      lent.parser.parse_into_document(lent.document, as_text(text).data(), text.size(), false).error();
  // It takes no number that does not fit into 64 bits, and JSON has no such limit. So the walk decides on
  // what it refuses. The walk ends at the first fault.
  return error == simdjson::SUCCESS || follows_json_grammar(as_text(text));
}

bool JsonCheck::is_json(Bytes text) {
  if (!may_begin_json(text) || text.size() > k_parsed_bytes_max) {
    return may_begin_json(text) && follows_json_grammar(as_text(text));
  }
  std::array<std::byte, k_parsed_bytes_max + k_padding>& copy = parser().copy;
  std::memcpy(copy.data(), text.data(), text.size());
  return is_json_padded(Bytes(copy).first(text.size()));
}

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace penstock::codec
