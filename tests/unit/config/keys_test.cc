#include "config/keys.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/document.h"
#include "config/reference.h"
#include "config/settings.h"
#include "config/suggest.h"

namespace penstock::config {
namespace {

using testing::HasSubstr;

TEST(Keys, each_row_is_whole) {
  std::set<std::string_view> seen;
  for (const Key& key : all_keys()) {
    EXPECT_TRUE(seen.insert(key.path).second) << key.path << " is there twice";
    EXPECT_FALSE(key.help.empty()) << key.path;
    EXPECT_FALSE(key.since.empty()) << key.path;
    EXPECT_FALSE(allowed_values(key).empty()) << key.path;
    EXPECT_EQ(key.kind == Kind::choice, !key.choices.empty()) << key.path;
    EXPECT_EQ(key.parse == nullptr, key.kind == Kind::overrides) << key.path;
    EXPECT_FALSE(is_section(key.path)) << key.path << " is a key and a section";
    EXPECT_EQ(find_key(key.path), &key);
  }
}

TEST(Keys, each_default_is_a_value_that_may_be_written) {
  for (const Key& key : all_keys()) {
    if (!key.fallback.empty()) {
      Node node;
      node.kind = NodeKind::scalar;
      node.text = key.fallback;
      Settings settings;
      EXPECT_EQ(key.parse(key, node, settings), "") << key.path;
    }
  }
}

TEST(Keys, secrets_are_of_the_kind_that_does_not_print) {
  for (const Key& key : all_keys()) {
    const bool secret = key.path.ends_with(".value") || key.path.ends_with(".password") ||
                        key.path.ends_with("auth.key") || key.path.ends_with(".token") ||
                        key.path.ends_with(".client_secret");
    EXPECT_EQ(key.kind == Kind::secret, secret) << key.path;
  }
}

TEST(Keys, allowed_values_are_told) {
  EXPECT_EQ(allowed_values(*find_key("sink.block_bytes")), "64KiB to 4000MiB");
  EXPECT_EQ(allowed_values(*find_key("runtime.workers")), "auto, or 1 to 256");
  EXPECT_EQ(allowed_values(*find_key("batch.max_age")), "1s to 1d");
  EXPECT_EQ(allowed_values(*find_key("batch.compression")), "none, gzip, zstd, deflate or snappy");
  EXPECT_EQ(allowed_values(*find_key("guarantee")), "exactly_once or at_least_once");
}

TEST(Keys, sections_are_known_by_what_lies_below) {
  EXPECT_TRUE(is_section("source"));
  EXPECT_TRUE(is_section("source.auth"));
  EXPECT_FALSE(is_section("sourc"));
  EXPECT_FALSE(is_section("source.librdkafka"));
  EXPECT_FALSE(is_section("name"));
  EXPECT_EQ(find_key("source"), nullptr);
}

TEST(Suggest, the_nearest_known_word) {
  constexpr std::string_view k_known[] = {"max_age", "max_bytes", "group_by", "path", "io"};
  EXPECT_EQ(nearest("maxage", k_known), "max_age");
  EXPECT_EQ(nearest("max-age", k_known), "max_age");
  EXPECT_EQ(nearest("MAX_AGE", k_known), "max_age");
  EXPECT_EQ(nearest("max_byets", k_known), "max_bytes");
  EXPECT_EQ(nearest("groupby", k_known), "group_by");
  EXPECT_EQ(nearest("pth", k_known), "path");
  EXPECT_EQ(nearest("elephant", k_known), "");
  EXPECT_EQ(nearest("x", k_known), "");
  EXPECT_EQ(nearest("", k_known), "");
  EXPECT_EQ(nearest(std::string(10'000, 'a'), k_known), "");
}

TEST(ReferencePage, has_every_key_once) {
  const std::string page = reference_page();
  for (const Key& key : all_keys()) {
    const std::string heading = "\n### " + std::string(key.path) + "\n";
    ASSERT_THAT(page, HasSubstr(heading));
    EXPECT_EQ(page.find(heading, page.find(heading) + 1), std::string::npos) << key.path;
  }
}

TEST(ReferencePage, the_file_is_up_to_date) {
  std::ifstream file(PENSTOCK_SOURCE_DIR "/conf/REFERENCE.md");
  const std::string written((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(written == reference_page())
      << "conf/REFERENCE.md is not what the table of keys says. Regenerate it:\n"
         "  penstock reference > conf/REFERENCE.md";
}

}  // namespace
}  // namespace penstock::config
