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

TEST_F(BodyChecksumTest, WhatWasTakenInOrderIsTheWhole) {
  take(0, 10);
  take(10, 5);
  take(15, k_whole.size() - 15);
  expect_that_of_the_whole();
}

// Bytes that are not the body's own show that value() believes take(), and does not look at the body again.
TEST_F(BodyChecksumTest, NoSecondPassIsMadeOverWhatWasTaken) {
  const std::string other(k_whole.size(), 'x');
  checksum_.take(0, as_bytes(other));
  EXPECT_EQ(checksum_.value(), codec::crc64_nvme(as_bytes(other)));
}

TEST_F(BodyChecksumTest, WhatGoesOutAgainIsNotCountedTwice) {
  take(0, 20);
  take(0, 10);
  take(10, 10);
  take(20, k_whole.size() - 20);
  expect_that_of_the_whole();
}

TEST_F(BodyChecksumTest, AsManyBytesAsTheBodyHasAreNotAlwaysTheBody) {
  ASSERT_EQ(k_whole.size(), 30U);
  take(0, 15);
  take(0, 15);
  expect_that_of_the_whole();
}

TEST_F(BodyChecksumTest, AnAnswerBeforeTheEndOrAHoleIsMadeUpForByAPassOverTheBody) {
  take(0, 10);
  take(15, 2);
  expect_that_of_the_whole();
  expect_that_of_the_whole();
}

TEST(BodyChecksum, OfNothingIsNought) {
  EXPECT_EQ(BodyChecksum(Body{}).value(), 0U);
}

}  // namespace
}  // namespace penstock::lake
