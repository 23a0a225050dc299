#include "identity/renewal.h"

#include <chrono>

#include <gtest/gtest.h>

namespace penstock::identity {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using Answer = Renewal::Answer;

// A clock that the test turns.
class RenewalTest : public ::testing::Test {
 protected:
  void pass(Duration time) {
    now_ += time;
    wall_ += std::chrono::duration_cast<WallTime::duration>(time);
  }
  Token token(std::string text, Duration renew_in, Duration life) const {
    return {.text = std::move(text),
            .expires = wall_ + std::chrono::duration_cast<WallTime::duration>(life),
            .renew = wall_ + std::chrono::duration_cast<WallTime::duration>(renew_in)};
  }
  void get(const Token& token) {
    renewal_.begin();
    renewal_.succeed(token, now_, wall_);
  }
  // From now.
  Duration due() const { return renewal_.due().value_or(MonoTime::max()) - now_; }

  MonoTime now_{hours(1000)};
  WallTime wall_{hours(500'000)};
  Renewal renewal_{now_};
};

TEST_F(RenewalTest, the_first_request_is_due_at_once_and_is_alone) {
  EXPECT_EQ(due(), Duration::zero());
  renewal_.begin();
  EXPECT_EQ(renewal_.due(), std::nullopt);
}

TEST_F(RenewalTest, the_next_request_is_due_when_the_token_says) {
  get(token("a", minutes(30), hours(1)));
  EXPECT_EQ(due(), minutes(30));
}

TEST_F(RenewalTest, a_token_that_is_given_again_near_its_end_is_not_asked_for_in_a_hurry) {
  get(token("a", seconds(-1), minutes(10)));
  EXPECT_EQ(due(), seconds(30));
  get(token("a", seconds(0), seconds(50)));
  EXPECT_EQ(due(), seconds(10));
  get(token("a", seconds(0), seconds(2)));
  EXPECT_EQ(due(), seconds(1));
}

TEST_F(RenewalTest, after_a_failure_the_service_is_left_alone_and_a_fleet_spreads) {
  renewal_.begin();
  renewal_.fail(seconds(40), 0.0, now_);
  EXPECT_EQ(due(), seconds(40));
  renewal_.begin();
  renewal_.fail(seconds(40), 1.0, now_);
  EXPECT_EQ(due(), seconds(50));
  EXPECT_EQ(renewal_.failures(), 2U);
  get(token("a", minutes(30), hours(1)));
  EXPECT_EQ(renewal_.failures(), 0U);
}

TEST_F(RenewalTest, a_good_token_that_nobody_refused_will_do) {
  get(token("a", minutes(30), hours(1)));
  EXPECT_EQ(renewal_.wish("", "a", now_), Answer::at_once);
  EXPECT_EQ(renewal_.wish("older", "a", now_), Answer::at_once);
  EXPECT_EQ(due(), minutes(30));
}

TEST_F(RenewalTest, a_refused_token_brings_one_request_for_all_who_ask) {
  get(token("a", minutes(30), hours(1)));
  pass(minutes(10));
  EXPECT_EQ(renewal_.wish("a", "a", now_), Answer::with_the_next);
  EXPECT_EQ(due(), Duration::zero());
  renewal_.begin();
  EXPECT_EQ(renewal_.wish("a", "a", now_), Answer::with_the_next);
  EXPECT_EQ(renewal_.due(), std::nullopt);
}

TEST_F(RenewalTest, a_service_that_refuses_every_token_brings_a_request_each_half_minute_and_no_more) {
  int requests = 0;
  get(token("a", minutes(30), hours(1)));
  for (int i = 0; i < 600; ++i) {  // two refused logins a second, for five minutes
    pass(milliseconds(500));
    renewal_.wish("a", "a", now_);
    if (due() <= Duration::zero()) {
      ++requests;
      get(token("a", minutes(30), hours(1)));
    }
  }
  EXPECT_EQ(requests, 10);
}

TEST_F(RenewalTest, a_wish_comes_no_sooner_than_the_pause_after_a_failure) {
  renewal_.begin();
  renewal_.fail(seconds(70), 0.0, now_);
  pass(seconds(69));
  EXPECT_EQ(renewal_.wish("", "", now_), Answer::not_soon);
  EXPECT_EQ(due(), seconds(1));
  pass(seconds(1));
  EXPECT_EQ(renewal_.wish("", "", now_), Answer::with_the_next);
}

TEST_F(RenewalTest, a_wish_does_not_put_off_what_is_due_sooner) {
  get(token("a", seconds(5), seconds(20)));
  pass(seconds(1));
  EXPECT_EQ(renewal_.wish("a", "a", now_), Answer::not_soon);
  EXPECT_EQ(due(), seconds(4));
}

}  // namespace
}  // namespace penstock::identity
