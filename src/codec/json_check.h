// Whether a record's value is JSON: by simdjson, at gigabytes a second, without an allocation per value.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/types.h"

namespace penstock::codec {

// Of one thread. Its memory (2 MiB) is taken with the first value that is looked at.
class JsonCheck {
 public:
  JsonCheck();
  ~JsonCheck();
  JsonCheck(const JsonCheck&) = delete;
  JsonCheck& operator=(const JsonCheck&) = delete;

  // So many bytes behind a value may be read, whatever is in them.
  static constexpr std::size_t k_padding = 64;

  // What is longer is walked through (json_grammar.h): simdjson takes 14 bytes for each of the text's.
  static constexpr std::size_t k_parsed_bytes_max = std::size_t{128} * 1024;

  // Whether `text` is exactly one JSON value, as follows_json_grammar() has it. One difference: whether a
  // lower half of a surrogate pair may stand alone is left to simdjson. k_padding bytes behind it may be
  // read.
  bool is_json_padded(Bytes text);

  // The same without padding, by a copy.
  bool is_json(Bytes text);

 private:
  struct Parser;
  Parser& parser();

  std::unique_ptr<Parser> parser_;
};

// UTF-8 as RFC 3629 has it.
bool is_utf8(std::string_view text);

}  // namespace penstock::codec
