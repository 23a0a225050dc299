#include "app/roff.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::app {
namespace {

// What stands between `open` at the text's beginning and the next `close`; none if there is no such pair.
std::optional<std::string_view> enclosed(std::string_view text, std::string_view open,
                                         std::string_view close) {
  if (!text.starts_with(open)) {
    return std::nullopt;
  }
  const std::size_t end = text.find(close, open.size());
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  return text.substr(open.size(), end - open.size());
}

void add(std::string& out, char c) {
  const bool begins_line = out.empty() || out.back() == '\n';
  if (begins_line && (c == '.' || c == '\'')) {
    out += "\\&";  // else the line would be read as a macro
  }
  switch (c) {
    case '\\':
      out += "\\e";
      break;
    case '-':
      out += "\\-";
      break;
    case '"':
      out += "\\(dq";
      break;
    default:
      out += c;
  }
}

// The text of "[words](address)" and the length of the whole.
std::optional<std::pair<std::string_view, std::size_t>> link(std::string_view text) {
  const auto words = enclosed(text, "[", "]");
  if (!words) {
    return std::nullopt;
  }
  const auto address = enclosed(text.substr(words->size() + 2), "(", ")");
  if (!address) {
    return std::nullopt;
  }
  return std::pair{*words, words->size() + 2 + address->size() + 2};
}

std::string bold(std::string_view text) {
  return concat("\\fB", roff_text(text), "\\fP");
}

}  // namespace

RoffPage::RoffPage(std::string_view name, std::string_view section, std::string_view source,
                   std::string_view manual)
    : text_(concat(".TH \"", roff_text(name), "\" \"", section, "\" \"\" \"", roff_text(source), "\" \"",
                   roff_text(manual), "\"\n")) {}

void RoffPage::section(std::string_view title) {
  text_ += concat(".SH \"", roff_text(title), "\"\n");
}

void RoffPage::subsection(std::string_view title) {
  text_ += concat(".SS \"", roff_text(title), "\"\n");
}

void RoffPage::paragraph(std::string_view markdown) {
  text_ += concat(".PP\n", roff_markdown(markdown), "\n");
}

void RoffPage::item(std::string_view term, std::string_view markdown) {
  text_ += concat(".TP\n", bold(term), "\n", roff_markdown(markdown), "\n");
}

void RoffPage::verbatim(std::string_view text) {
  text_ += concat(".PP\n.RS 4\n.nf\n", roff_text(text), "\n.fi\n.RE\n");
}

std::string roff_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    add(out, c);
  }
  return out;
}

std::string roff_markdown(std::string_view markdown) {
  std::string out;
  while (!markdown.empty()) {
    if (const auto code = enclosed(markdown, "`", "`")) {
      out += bold(*code);
      markdown.remove_prefix(code->size() + 2);
    } else if (const auto strong = enclosed(markdown, "**", "**")) {
      out += bold(*strong);
      markdown.remove_prefix(strong->size() + 4);
    } else if (const auto linked = link(markdown)) {
      out += roff_text(linked->first);
      markdown.remove_prefix(linked->second);
    } else {
      add(out, markdown.front());
      markdown.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace penstock::app
