#include "pipeline/request_limit.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RequestLimitTest : public testing::Test {
 protected:
  RequestLimit limit_{{.workers = 2, .connections = 8}};
  MonoTime now_{std::chrono::hours(1)};

  void throttled(std::optional<milliseconds> asked = std::nullopt) {
    limit_.throttled(now_, now_ + milliseconds(1), asked, 0);
    now_ += milliseconds(2);
  }
  void answered() {
    limit_.answered(now_, now_ + milliseconds(1));
    now_ += milliseconds(2);
  }
  Duration pause() const { return limit_.pause_until() - now_; }
};

TEST_F(RequestLimitTest, without_an_answer_that_asks_to_slow_down_all_connections_are_used_at_once) {
  EXPECT_EQ(limit_.places(0), 8U);
  EXPECT_EQ(limit_.places(1), 8U);
  EXPECT_EQ(limit_.places_together(), 16U);
  EXPECT_LT(limit_.pause_until(), now_);
}

TEST_F(RequestLimitTest, each_time_half_as_many_down_to_one_a_worker) {
  for (const std::uint32_t expected : {8U, 4U, 2U, 2U, 2U}) {
    throttled();
    EXPECT_EQ(limit_.places_together(), expected);
    EXPECT_EQ(limit_.places(0) + limit_.places(1), expected);
  }
}

TEST_F(RequestLimitTest, an_odd_limit_is_shared_out_whole) {
  RequestLimit limit({.workers = 3, .connections = 3});
  limit.throttled(now_, now_, {}, 0);
  EXPECT_EQ(limit.places_together(), 4U);
  EXPECT_EQ(limit.places(0), 2U);
  EXPECT_EQ(limit.places(1), 1U);
  EXPECT_EQ(limit.places(2), 1U);
}

TEST_F(RequestLimitTest, what_was_under_way_together_counts_once) {
  const MonoTime began = now_;
  for (int i = 0; i < 10; ++i) {
    limit_.throttled(began, now_ += milliseconds(5), {}, 0);
  }
  EXPECT_EQ(limit_.places_together(), 8U);
  limit_.throttled(began + milliseconds(6), now_ += milliseconds(5), {}, 0);
  EXPECT_EQ(limit_.places_together(), 4U) << "this one began after the cut";
}

TEST_F(RequestLimitTest, a_second_without_one_gives_one_back) {
  throttled();
  answered();
  EXPECT_EQ(limit_.places_together(), 8U) << "not yet";
  now_ += seconds(1);
  answered();
  EXPECT_EQ(limit_.places_together(), 9U);
  answered();
  EXPECT_EQ(limit_.places_together(), 9U) << "once a second, however many answers";
  now_ += seconds(3);
  answered();
  EXPECT_EQ(limit_.places_together(), 12U);
  now_ += std::chrono::hours(100);
  answered();
  EXPECT_EQ(limit_.places_together(), 16U);
}

TEST_F(RequestLimitTest, an_answer_to_what_began_before_the_cut_says_nothing) {
  const MonoTime began = now_;
  now_ += milliseconds(1);
  throttled();
  now_ += seconds(5);
  limit_.answered(began, now_);
  EXPECT_EQ(limit_.places_together(), 8U);
}

TEST_F(RequestLimitTest, the_pause_doubles_while_nothing_is_taken) {
  Duration former{};
  for (int i = 0; i < 6; ++i) {
    throttled();
    EXPECT_GT(pause(), former);
    former = pause();
    now_ = limit_.pause_until();
  }
  for (int i = 0; i < 40; ++i) {
    throttled();
    EXPECT_LE(pause(), seconds(10));
    now_ = limit_.pause_until();
  }
  answered();
  throttled();
  EXPECT_LE(pause(), milliseconds(250)) << "one that was taken begins the row anew";
}

TEST_F(RequestLimitTest, the_servers_own_wish_is_the_least) {
  throttled(seconds(90));
  EXPECT_GE(pause(), seconds(89));
  EXPECT_LE(pause(), seconds(90) + seconds(90) / 8);
  const Duration before = pause();
  throttled(milliseconds(10));
  EXPECT_GE(pause(), before - milliseconds(10)) << "a later and shorter wish takes nothing back";
}

TEST_F(RequestLimitTest, a_wish_within_a_burst_is_heard) {
  const MonoTime began = now_;
  limit_.throttled(began, now_, {}, 0);
  limit_.throttled(began, now_ + milliseconds(1), seconds(30), 0);
  EXPECT_GE(pause(), seconds(30));
  EXPECT_EQ(limit_.places_together(), 8U);
}

// A store that takes so many requests a second, and workers that always have something to send, in virtual
// time. A request takes `latency`, whatever the answer.
struct Load {
  std::string name;
  std::uint32_t workers;
  std::uint32_t connections;
  double taken_per_second;
  Duration latency;
};

class ConvergenceTest : public testing::TestWithParam<Load> {
 protected:
  struct Answer {
    MonoTime at{};
    MonoTime began{};
    std::uint32_t worker = 0;
    bool taken = false;
    bool operator>(const Answer& other) const { return at > other.at; }
  };

  // Returns how many were taken and how many refused.
  std::pair<int, int> run(Duration time, double taken_per_second) {
    const Load& load = GetParam();
    const MonoTime end = now_ + time;
    int taken = 0;
    int refused = 0;
    while (now_ < end) {
      send_all(taken_per_second);
      if (under_way_.empty() || now_ < limit_.pause_until()) {
        const MonoTime next = under_way_.empty() ? end : under_way_.top().at;
        now_ = now_ < limit_.pause_until() ? std::min(next, limit_.pause_until()) : next;
      } else {
        now_ = under_way_.top().at;
      }
      for (; !under_way_.empty() && under_way_.top().at <= now_; under_way_.pop()) {
        const Answer answer = under_way_.top();
        --sent_[answer.worker];
        ++(answer.taken ? taken : refused);
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;
        if (answer.taken) {
          limit_.answered(answer.began, now_);
        } else {
          limit_.throttled(answer.began, now_, std::nullopt, random_ >> 33);
        }
        most_under_way_ = std::max(most_under_way_, static_cast<std::uint32_t>(under_way_.size()));
      }
    }
    EXPECT_LE(most_under_way_, load.workers * load.connections);
    return {taken, refused};
  }

  // A bucket that holds what comes in a second, as rate limiters have.
  bool takes(double per_second) {
    const double size = std::max(per_second, 1.0);
    bucket_ = std::min(size, bucket_ + per_second * std::chrono::duration<double>(now_ - filled_).count());
    filled_ = now_;
    if (bucket_ < 1) {
      return false;
    }
    bucket_ -= 1;
    return true;
  }

  void send_all(double per_second) {
    const Load& load = GetParam();
    for (std::uint32_t worker = 0; worker < load.workers && now_ >= limit_.pause_until(); ++worker) {
      while (sent_[worker] < limit_.places(worker)) {
        ++sent_[worker];
        under_way_.push({.at = now_ + load.latency,
                         .began = now_,
                         .worker = worker,
                         .taken = per_second == 0 || takes(per_second)});
      }
    }
  }

  RequestLimit limit_{{.workers = GetParam().workers, .connections = GetParam().connections}};
  MonoTime now_{std::chrono::hours(1)};
  MonoTime filled_ = now_;
  double bucket_ = 0;
  std::uint64_t random_ = 7;
  std::uint32_t most_under_way_ = 0;
  std::vector<std::uint32_t> sent_ = std::vector<std::uint32_t>(GetParam().workers);
  std::priority_queue<Answer, std::vector<Answer>, std::greater<>> under_way_;
};

TEST_P(ConvergenceTest, what_the_store_takes_is_used_and_little_of_it_refused) {
  const double rate = GetParam().taken_per_second;
  run(seconds(30), rate);
  const auto [taken, refused] = run(seconds(120), rate);
  EXPECT_GE(taken, 0.6 * rate * 120) << refused << " refused";
  EXPECT_LE(refused, 0.25 * taken) << taken << " taken";
}

// A quarter of the rate is less than one request a worker at a time, for some: there the pause does it, and
// up to every second request is refused.
TEST_P(ConvergenceTest, it_finds_a_store_that_takes_less_and_one_that_takes_all) {
  const double rate = GetParam().taken_per_second;
  run(seconds(30), 0);
  EXPECT_EQ(limit_.places_together(), GetParam().workers * GetParam().connections);
  run(seconds(20), rate / 4);
  const auto [taken, refused] = run(seconds(120), rate / 4);
  EXPECT_GE(taken, 0.6 * rate / 4 * 120) << refused << " refused";
  EXPECT_LE(refused, 1.1 * taken) << taken << " taken";
  run(seconds(90), 0);
  EXPECT_EQ(limit_.places_together(), GetParam().workers * GetParam().connections);
}

TEST_P(ConvergenceTest, a_store_that_takes_nothing_is_left_in_peace) {
  run(seconds(30), 1e-9);
  const auto [taken, refused] = run(seconds(600), 1e-9);
  EXPECT_EQ(taken, 0);
  EXPECT_LE(refused, static_cast<int>(GetParam().workers) * 600 / 5) << "one a worker and pause of 5 to 10 s";
}

INSTANTIATE_TEST_SUITE_P(Loads, ConvergenceTest,
                         testing::Values(Load{"one_worker_near", 1, 4, 50, milliseconds(10)},
                                         Load{"two_workers_near", 2, 4, 50, milliseconds(10)},
                                         Load{"many_workers_far", 8, 16, 400, milliseconds(80)},
                                         Load{"slow_answers", 4, 16, 40, milliseconds(500)},
                                         Load{"few_connections", 2, 2, 20, milliseconds(30)}),
                         [](const testing::TestParamInfo<Load>& load) { return load.param.name; });

}  // namespace
}  // namespace penstock::pipeline
