#include "admin/page_files.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::admin {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(PageFiles, each_is_there_whole) {
  ASSERT_NE(page_file("/"), nullptr);
  EXPECT_THAT(std::string(page_file("/")->text), StartsWith("<!doctype html>"));
  EXPECT_THAT(std::string(page_file("/")->text), HasSubstr("</html>"));
  EXPECT_THAT(page_file("/page.css")->content_type, StartsWith("text/css"));
  EXPECT_THAT(std::string(page_file("/page.js")->text), HasSubstr("ask();"));
  EXPECT_EQ(page_file("/page.html"), nullptr);
  EXPECT_EQ(page_file(""), nullptr);
}

// The policy that they are served with would stop it, and the page would look broken.
TEST(PageFiles, nothing_is_inline_and_nothing_is_from_elsewhere) {
  const std::string html(page_file("/")->text);
  for (const char* stopped : {" style=", "<style", "onclick", "onload", "https://", "//cdn"}) {
    EXPECT_THAT(html, Not(HasSubstr(stopped)));
  }
  for (const char* unsafe : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("}) {
    EXPECT_THAT(std::string(page_file("/page.js")->text), Not(HasSubstr(unsafe)));
  }
}

}  // namespace
}  // namespace penstock::admin
