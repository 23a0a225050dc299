#include "lake/body_checksum.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/checksum.h"

namespace penstock::lake {
namespace {

const std::string k_text = "the first piece and the second";
const Bytes k_whole = as_bytes(k_text);
const std::vector<Bytes> k_body = {k_whole.first(15), {}, k_whole.subspan(15)};

class BodyChecksumTest : public testing::Test {
 protected:
  void take(std::size_t offset, std::size_t bytes) { checksum_.take(offset, k_whole.subspan(offset, bytes)); }
  void expect_that_of_the_whole() { EXPECT_EQ(checksum_.value(), codec::crc64_nvme(k_whole)); }

  BodyChecksum checksum_{k_body};
};

TEST_F(BodyChecksumTest, what_was_taken_in_order_is_the_whole) {
  take(0, 10);
  take(10, 5);
  take(15, k_whole.size() - 15);
  expect_that_of_the_whole();
}

// Bytes that are not the body's own show that value() believes take(), and does not look at the body again.
TEST_F(BodyChecksumTest, no_second_pass_is_made_over_what_was_taken) {
  const std::string other(k_whole.size(), 'x');
  checksum_.take(0, as_bytes(other));
  EXPECT_EQ(checksum_.value(), codec::crc64_nvme(as_bytes(other)));
}

TEST_F(BodyChecksumTest, what_goes_out_again_is_not_counted_twice) {
  take(0, 20);
  take(0, 10);
  take(10, 10);
  take(20, k_whole.size() - 20);
  expect_that_of_the_whole();
}

TEST_F(BodyChecksumTest, as_many_bytes_as_the_body_has_are_not_always_the_body) {
  ASSERT_EQ(k_whole.size(), 30U);
  take(0, 15);
  take(0, 15);
  expect_that_of_the_whole();
}

TEST_F(BodyChecksumTest, an_answer_before_the_end_or_a_hole_is_made_up_for_by_a_pass_over_the_body) {
  take(0, 10);
  take(15, 2);
  expect_that_of_the_whole();
  expect_that_of_the_whole();
}

TEST(BodyChecksum, of_nothing_is_nought) {
  EXPECT_EQ(BodyChecksum(Body{}).value(), 0U);
}

}  // namespace
}  // namespace penstock::lake
