#include "config/reference.h"

#include <sstream>
#include <string_view>

#include "config/keys.h"

namespace penstock::config {
namespace {

constexpr std::string_view k_preamble = R"(# Configuration reference

Made from the program's own table of keys by `penstock reference > conf/REFERENCE.md`: do not edit.

One YAML file is one deployment. Unknown keys, wrong types and impossible combinations are errors, all
reported at once, each as `file:line: key: what, and what to write`.

**Values from elsewhere.** Any value may hold `${NAME}` or `${NAME:-default}` (environment), `${file:/path}`
(a file's text without the line end at its end), `${credential:name}` (systemd's `LoadCredential=`). `$${` is
a literal `${`. Put such values in quotes. Secrets are never printed.

**Sizes** are a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB` (powers of 1024); a bare number is bytes.
**Durations** are a whole number and `ms`, `s`, `m`, `h` or `d`.
)";

std::string_view section_of(const Key& key) {
  return key.path.substr(0, key.path.find('.'));
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::secret:
      return "secret";
    case Kind::choice:
      return "one word";
    case Kind::count:
      return "number";
    case Kind::size:
      return "size";
    case Kind::duration:
      return "duration";
    case Kind::list:
    case Kind::overrides:
      return "list";
    case Kind::mapping:
      return "mapping";
  }
  return "";
}

void write_key(std::ostringstream& out, const Key& key) {
  out << "\n### " << key.path << "\n\n" << key.help << "\n\n";
  out << "- type: " << kind_name(key.kind) << "\n- allowed: " << allowed_values(key) << "\n";
  if (!key.fallback.empty()) {
    out << "- default: `" << key.fallback << "`\n";
  } else if (!key.fallback_note.empty()) {
    out << "- default: " << key.fallback_note << "\n";
  }
  out << "- since: " << key.since << "\n";
}

}  // namespace

std::string reference_page() {
  std::ostringstream out;
  out << k_preamble;
  std::string_view section;
  for (const Key& key : all_keys()) {
    if (section_of(key) != section) {
      section = section_of(key);
      out << "\n## " << section << "\n";
    }
    write_key(out, key);
  }
  return std::move(out).str();
}

}  // namespace penstock::config
