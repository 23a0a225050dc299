#include "base/units.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace penstock {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Units, sizes_are_read) {
  struct Case {
    std::string_view text;
    std::uint64_t bytes;
  };
  constexpr Case k_cases[] = {
      {"0", 0},
      {"4096", 4096},
      {"1B", 1},
      {"8 KiB", 8 * k_kib},
      {"256MiB", 256 * k_mib},
      {" 20GiB ", 20 * k_gib},
      {"5TiB", 5 * k_tib},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
      {"16777215TiB", 16777215 * k_tib},
  };
  for (const Case& c : k_cases) {
    const Result<std::uint64_t> bytes = parse_size(c.text);
    ASSERT_TRUE(bytes.ok()) << c.text << ": " << bytes.error().message;
    EXPECT_EQ(*bytes, c.bytes) << c.text;
  }
}

TEST(Units, sizes_for_people_are_short) {
  struct Case {
    std::uint64_t bytes;
    std::string_view text;
  };
  constexpr Case k_cases[] = {
      {0, "0B"},
      {999, "999B"},
      {1024, "1KiB"},
      {400 * k_mib + 5, "400MiB"},
      {k_gib - 1, "1023MiB"},
      {3 * k_gib / 2, "1.5GiB"},
      {2 * k_gib - 1, "1.9GiB"},
      {62 * k_gib + 700 * k_mib, "62GiB"},
      {std::numeric_limits<std::uint64_t>::max(), "16777215TiB"},
  };
  for (const Case& c : k_cases) {
    EXPECT_EQ(format_size_about(c.bytes), c.text) << c.bytes;
  }
}

TEST(Units, durations_are_read) {
  struct Case {
    std::string_view text;
    Duration duration;
  };
  constexpr Case k_cases[] = {
      {"60s", seconds(60)}, {"500ms", milliseconds(500)}, {"2m", minutes(2)},    {"1h", hours(1)},
      {"1d", days(1)},      {"0s", Duration::zero()},     {"90 s", seconds(90)}, {"106751d", days(106751)},
  };
  for (const Case& c : k_cases) {
    const Result<Duration> duration = parse_duration(c.text);
    ASSERT_TRUE(duration.ok()) << c.text << ": " << duration.error().message;
    EXPECT_EQ(*duration, c.duration) << c.text;
  }
}

TEST(Units, what_is_wrong_is_said_with_the_accepted_forms) {
  struct Case {
    std::string_view text;
    std::string_view size;      // the size's error begins with it
    std::string_view duration;  // the duration's
  };
  constexpr Case k_cases[] = {
      {"", "is empty;", "is empty;"},
      {"  ", "is empty;", "is empty;"},
      {"-1s", "is negative;", "is negative;"},
      {"1.5h", "has a fraction;", "has a fraction;"},
      {"1,5GiB", "has a fraction;", "has a fraction;"},
      {"many", "is not a size;", "is not a duration;"},
      {"+5", "is not a size;", "is not a duration;"},
      {"s", "is not a size;", "is not a duration;"},
      {"256MB", "has an unknown unit;", "has an unknown unit;"},
      {"256mib", "has an unknown unit;", "has an unknown unit;"},
      {"1m30s", "has an unknown unit;", "has an unknown unit;"},
      {"1KiB1", "has an unknown unit;", "has an unknown unit;"},
      {"18446744073709551616", "is too large a number;", "is too large a number;"},
  };
  for (const Case& c : k_cases) {
    const Result<std::uint64_t> size = parse_size(c.text);
    ASSERT_FALSE(size.ok()) << c.text;
    EXPECT_EQ(size.error().message.rfind(c.size, 0), 0U) << c.text << ": " << size.error().message;
    EXPECT_NE(size.error().message.find("such as 256MiB"), std::string::npos);

    const Result<Duration> duration = parse_duration(c.text);
    ASSERT_FALSE(duration.ok()) << c.text;
    EXPECT_EQ(duration.error().message.rfind(c.duration, 0), 0U)
        << c.text << ": " << duration.error().message;
    EXPECT_NE(duration.error().message.find("60s"), std::string::npos);
  }
}

TEST(Units, a_product_beyond_the_type_is_refused) {
  EXPECT_FALSE(parse_size("16777216TiB").ok());
  EXPECT_FALSE(parse_duration("106752d").ok());
  EXPECT_FALSE(parse_duration("9223372036854775808ns").ok());
}

TEST(Units, a_duration_needs_its_unit) {
  EXPECT_EQ(parse_duration("60").error().message.rfind("has no unit;", 0), 0U);
}

TEST(Units, the_text_itself_is_never_repeated) {
  EXPECT_EQ(parse_size("hunter2").error().message.find("hunter2"), std::string::npos);
  EXPECT_EQ(parse_duration("7hunter").error().message.find("hunter"), std::string::npos);
}

TEST(Units, the_largest_unit_that_divides_is_printed) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(1536 * k_mib), "1536MiB");
  EXPECT_EQ(format_size(20 * k_gib), "20GiB");
  EXPECT_EQ(format_duration(Duration::zero()), "0s");
  EXPECT_EQ(format_duration(seconds(90)), "90s");
  EXPECT_EQ(format_duration(seconds(120)), "2m");
  EXPECT_EQ(format_duration(hours(24)), "1d");
  EXPECT_EQ(format_duration(-milliseconds(5)), "-5ms");
  EXPECT_EQ(format_duration(Duration::min()), "-9223372036854775808ns");
}

TEST(Units, what_is_printed_reads_back) {
  for (const std::uint64_t bytes :
       {std::uint64_t{1}, k_kib - 1, k_kib, 3 * k_mib + k_kib, ~std::uint64_t{0}}) {
    EXPECT_EQ(*parse_size(format_size(bytes)), bytes);
  }
  for (const Duration duration :
       {Duration(1), Duration(milliseconds(7)), Duration(days(400)), Duration::max()}) {
    EXPECT_EQ(*parse_duration(format_duration(duration)), duration);
  }
}

}  // namespace
}  // namespace penstock
