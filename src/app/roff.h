// A manual page in the macros of man(7), from plain texts and the little Markdown of the key table.
#pragma once

#include <string>
#include <string_view>

namespace penstock::app {

class RoffPage {
 public:
  // "penstock", "1", "penstock 0.1.0", "Kafka topics to files": name and section in the head, source and
  // manual in the foot.
  RoffPage(std::string_view name, std::string_view section, std::string_view source, std::string_view manual);

  void section(std::string_view title);
  void subsection(std::string_view title);

  // `code` and **strong** become bold, [words](address) become words.
  void paragraph(std::string_view markdown);

  // A term and what it means, indented below it. The term is shown as it is, in bold.
  void item(std::string_view term, std::string_view markdown);

  // Line by line as it is, indented.
  void verbatim(std::string_view text);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Pure. `text` so that roff shows it as it is: no escape, no macro, hyphens that can be copied.
std::string roff_text(std::string_view text);

// Pure. As roff_text(), with the Markdown of paragraph().
std::string roff_markdown(std::string_view markdown);

}  // namespace penstock::app
