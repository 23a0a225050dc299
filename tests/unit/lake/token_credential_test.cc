#include "lake/token_credential.h"

#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace penstock::lake {
namespace {

// A cache whose answers the test gives, from a thread of its own.
class HandCache final : public identity::TokenCache {
 public:
  Result<identity::Token> current() const override {
    const std::lock_guard lock(mutex_);
    if (text_.empty()) {
      return make_error(ErrorKind::unauthenticated, Action::give_up, "a wrong secret", "AADSTS7000215");
    }
    return identity::Token{.text = text_, .expires = {}, .renew = {}};
  }
  void want(std::string refused, std::function<void()> done) override {
    wanted.push_back(std::move(refused));
    dones_.push_back(std::move(done));
  }
  identity::Standing standing() const override { return {}; }

  void answer(std::string text) {
    {
      const std::lock_guard lock(mutex_);
      text_ = std::move(text);
    }
    std::thread([dones = std::exchange(dones_, {})] {
      for (const auto& done : dones) {
        done();
      }
    }).join();
  }

  std::vector<std::string> wanted;

 private:
  mutable std::mutex mutex_;
  std::string text_;
  std::vector<std::function<void()>> dones_;
};

class TokenCredentialTest : public ::testing::TestWithParam<io::Choice> {
 protected:
  void SetUp() override {
    auto made = io::make_loop(io::LoopOptions{.choice = GetParam()}, system_clock());
    if (!made.ok()) {
      GTEST_SKIP() << made.error().message;
    }
    loop_ = std::move(made).value();
    credential_.emplace(cache_, *loop_);
  }

  void refuse(const std::string& text, std::vector<bool>& answers) {
    credential_->refused(azure::Bearer{text}, [&answers](bool is_new) { answers.push_back(is_new); });
  }
  void run_until(const std::vector<bool>& answers, std::size_t count) {
    while (answers.size() < count) {
      loop_->run_once(std::chrono::seconds(10));
    }
  }

  const std::shared_ptr<HandCache> cache_ = std::make_shared<HandCache>();
  std::unique_ptr<io::Loop> loop_;
  std::optional<TokenCredential> credential_;
};

TEST_P(TokenCredentialTest, a_token_signs_as_a_bearer) {
  cache_->answer("one");
  const auto credential = credential_->current();
  ASSERT_TRUE(credential.ok());
  EXPECT_EQ(std::get<azure::Bearer>(*credential).token, "one");
}

TEST_P(TokenCredentialTest, without_a_token_the_request_may_be_sent_later) {
  const auto none = credential_->current();
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().action, Action::retry);
  EXPECT_EQ(none.error().message, "a wrong secret");
}

TEST_P(TokenCredentialTest, a_refused_token_is_named_and_the_answer_comes_on_the_loop) {
  cache_->answer("one");
  std::vector<bool> answers;
  refuse("one", answers);
  refuse("one", answers);
  EXPECT_EQ(cache_->wanted, (std::vector<std::string>{"one", "one"}));
  cache_->answer("two");
  EXPECT_TRUE(answers.empty()) << "not on the provider's thread";
  run_until(answers, 2);
  EXPECT_EQ(answers, (std::vector<bool>{true, true}));
  refuse("two", answers);
  cache_->answer("two");
  run_until(answers, 3);
  EXPECT_FALSE(answers[2]) << "the same token is not a new one";
}

TEST_P(TokenCredentialTest, an_answer_to_one_that_is_gone_reaches_nobody) {
  cache_->answer("one");
  std::vector<bool> answers;
  refuse("one", answers);
  credential_.reset();
  cache_->answer("two");
  loop_->run_once(Duration::zero());
  EXPECT_TRUE(answers.empty());
}

INSTANTIATE_TEST_SUITE_P(Loops, TokenCredentialTest,
                         ::testing::Values(io::Choice::portable, io::Choice::io_uring),
                         [](const auto& tested) {
                           return tested.param == io::Choice::portable ? "portable" : "io_uring";
                         });

}  // namespace
}  // namespace penstock::lake
