#include "app/roff.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

TEST(Roff, text_is_shown_as_it_is) {
  EXPECT_EQ(roff_text("a-b \\d \"c\""), "a\\-b \\ed \\(dqc\\(dq");
  EXPECT_EQ(roff_text(".TH\n'x\n.."), "\\&.TH\n\\&'x\n\\&..");
}

TEST(Roff, markdown_becomes_bold_words_and_links_their_text) {
  EXPECT_EQ(roff_markdown("write `a-b` or **c**"), "write \\fBa\\-b\\fP or \\fBc\\fP");
  EXPECT_EQ(roff_markdown("see [the page](../x.md)."), "see the page.");
  EXPECT_EQ(roff_markdown("an open ` and [a bracket"), "an open ` and [a bracket");
}

TEST(Roff, a_page_has_a_head_sections_and_items) {
  RoffPage page("NAME", "1", "source", "manual");
  page.section("OPTIONS");
  page.item("--json", "For programs.");
  page.verbatim("  one\n.two");
  EXPECT_EQ(page.text(),
            ".TH \"NAME\" \"1\" \"\" \"source\" \"manual\"\n.SH \"OPTIONS\"\n.TP\n\\fB\\-\\-json\\fP\nFor "
            "programs.\n"
            ".PP\n.RS 4\n.nf\n  one\n\\&.two\n.fi\n.RE\n");
}

}  // namespace
}  // namespace penstock::app
