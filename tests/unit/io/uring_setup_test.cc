#include "io/uring_setup.h"

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/make_loop.h"

namespace penstock::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A kernel that refuses setup with an errno, or knows only the flags of some year.
int refusal = 0;
unsigned known_flags = 0;
unsigned features = 0;
std::vector<iovec> registered;

int refusing_setup(unsigned, io_uring*, io_uring_params*) {
  return -refusal;
}

int old_setup(unsigned entries, io_uring* ring, io_uring_params* params) {
  if ((params->flags & ~known_flags) != 0) {
    return -EINVAL;
  }
  const int result = io_uring_queue_init_params(entries, ring, params);
  params->features &= features;
  return result;
}

int noting_register(io_uring*, const iovec* parts, unsigned count) {
  registered.assign(parts, parts + count);
  return -refusal;
}

constexpr unsigned k_always = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

UringCalls refusing(int error_number) {
  refusal = error_number;
  return {.setup = refusing_setup, .register_buffers = noting_register};
}

class Refused : public testing::TestWithParam<int> {};

TEST_P(Refused, the_best_loop_is_the_portable_one_and_says_why) {
  const UringCalls calls = refusing(GetParam());
  const auto loop = make_loop({.choice = Choice::best}, system_clock(), calls);
  ASSERT_TRUE(loop.ok());
  const Grant& grant = (*loop)->grant();
  EXPECT_EQ(grant.backend, Backend::portable);
  EXPECT_THAT(grant.flags, IsEmpty());
  EXPECT_THAT(grant.reason, AllOf(HasSubstr("io_uring"), HasSubstr("2 threads write the files")));
}

TEST_P(Refused, demanding_io_uring_is_an_error_that_says_what_to_do) {
  const UringCalls calls = refusing(GetParam());
  const auto loop = make_loop({.choice = Choice::io_uring}, system_clock(), calls);
  ASSERT_FALSE(loop.ok());
  EXPECT_EQ(loop.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(loop.error().action, Action::fatal);
  EXPECT_THAT(loop.error().message, HasSubstr(": "));
}

INSTANTIATE_TEST_SUITE_P(Errno, Refused, testing::Values(EPERM, EACCES, ENOSYS, ENOMEM, EINVAL));

TEST(UringSetup, each_refusal_names_its_remedy) {
  struct Row {
    int error_number;
    const char* remedy;
  };
  for (const Row& row : std::array{Row{EPERM, "seccomp profile"}, Row{EPERM, "kernel.io_uring_disabled"},
                                   Row{ENOSYS, "seccomp profile"}, Row{ENOSYS, "Linux 5.11"},
                                   Row{ENOMEM, "LimitMEMLOCK="}, Row{EINVAL, "Linux 5.11"}}) {
    io_uring ring{};
    const auto grant = open_ring(ring, 8, refusing(row.error_number));
    ASSERT_FALSE(grant.ok());
    EXPECT_THAT(grant.error().message, HasSubstr(row.remedy));
  }
}

TEST(UringSetup, running_out_of_descriptors_is_an_error_even_where_a_fallback_is_allowed) {
  const UringCalls calls = refusing(EMFILE);
  const auto loop = make_loop({.choice = Choice::best}, system_clock(), calls);
  ASSERT_FALSE(loop.ok());
  EXPECT_EQ(loop.error().code, "EMFILE");
  EXPECT_EQ(loop.error().action, Action::retry);
}

TEST(UringSetup, who_asks_for_the_portable_loop_is_refused_nothing) {
  const auto loop = make_loop({.choice = Choice::portable}, system_clock());
  ASSERT_TRUE(loop.ok());
  EXPECT_EQ((*loop)->grant().backend, Backend::portable);
  EXPECT_THAT((*loop)->grant().reason, IsEmpty());
}

class OlderKernel : public testing::Test {
 protected:
  void SetUp() override {
    io_uring ring{};
    const auto real = open_ring(ring, 8, kernel_uring_calls());
    if (!real.ok()) {
      GTEST_SKIP() << real.error().message;
    }
    io_uring_queue_exit(&ring);
    if (!real->reason.empty()) {
      GTEST_SKIP() << real->reason;
    }
    features = ~0U;
  }

  static Result<RingGrant> open_with(unsigned known) {
    known_flags = known | k_always;
    io_uring ring{};
    auto grant = open_ring(ring, 8, {.setup = old_setup, .register_buffers = noting_register});
    if (grant.ok()) {
      io_uring_queue_exit(&ring);
    }
    return grant;
  }
};

TEST_F(OlderKernel, keeps_every_flag_it_knows) {
  struct Row {
    unsigned known;
    const char* flags;
  };
  constexpr unsigned k_5_18 = IORING_SETUP_SUBMIT_ALL;
  constexpr unsigned k_5_19 = k_5_18 | IORING_SETUP_COOP_TASKRUN;
  constexpr unsigned k_6_0 = k_5_19 | IORING_SETUP_SINGLE_ISSUER;
  constexpr unsigned k_6_1 = k_6_0 | IORING_SETUP_DEFER_TASKRUN;
  for (const Row& row :
       std::array{Row{0, ""}, Row{k_5_18, "SUBMIT_ALL"}, Row{k_5_19, "COOP_TASKRUN|SUBMIT_ALL"},
                  Row{k_6_0, "SINGLE_ISSUER|COOP_TASKRUN|SUBMIT_ALL"},
                  Row{k_6_1, "DEFER_TASKRUN|SINGLE_ISSUER|COOP_TASKRUN|SUBMIT_ALL"}}) {
    const auto grant = open_with(row.known);
    ASSERT_TRUE(grant.ok()) << row.flags;
    EXPECT_EQ(grant->flags, row.flags);
    EXPECT_EQ(grant->reason.empty(), row.known == k_6_1) << grant->reason;
  }
}

TEST_F(OlderKernel, without_a_timeout_for_enter_is_refused) {
  features = ~IORING_FEAT_EXT_ARG;
  const auto grant = open_with(0);
  ASSERT_FALSE(grant.ok());
  EXPECT_EQ(grant.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(grant.error().message, HasSubstr("5.11"));
}

// Never touched: only its addresses are handed on.
MutableBytes region_of(std::size_t size) {
  return {reinterpret_cast<std::byte*>(4096), size};
}

TEST(UringRegistration, cuts_the_region_into_parts_of_a_gibibyte) {
  io_uring ring{};
  const std::size_t size = 2 * k_registered_part_bytes + 8192;
  EXPECT_THAT(register_region(ring, region_of(size), refusing(0)), IsEmpty());
  ASSERT_EQ(registered.size(), 3U);
  EXPECT_EQ(registered[1].iov_base, region_of(size).data() + k_registered_part_bytes);
  EXPECT_EQ(registered[1].iov_len, k_registered_part_bytes);
  EXPECT_EQ(registered[2].iov_len, 8192U);
}

TEST(UringRegistration, a_refusal_for_lack_of_lockable_memory_names_the_limit) {
  io_uring ring{};
  EXPECT_THAT(register_region(ring, region_of(64 << 20), refusing(ENOMEM)),
              AllOf(HasSubstr("67108864 bytes"), HasSubstr("LimitMEMLOCK=")));
  EXPECT_THAT(register_region(ring, region_of(4096), refusing(EOPNOTSUPP)),
              AllOf(HasSubstr("EOPNOTSUPP"), Not(HasSubstr("LimitMEMLOCK="))));
}

}  // namespace
}  // namespace penstock::io
