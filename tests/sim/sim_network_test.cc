// What a link does with bytes: cut anywhere they arrive whole and in order, and a request that is late
// arrives though nobody waits for it any more.
#include "sim/sim_network.h"

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/byte_writer.h"
#include "wire/frame.h"

namespace penstock::sim {
namespace {

using std::chrono::seconds;

constexpr std::uint16_t k_port = 9001;

class SimNetworkTest : public testing::Test {
 protected:
  explicit SimNetworkTest(FaultRates rates = {}) : faults_(rates) {
    process_->id = 1;
    network_.listen(k_port, [this](const LinkPtr& link) {
      server_ = link;
      link->on_bytes = [this](std::string_view bytes, MonoTime) { arrived_ += bytes; };
      link->on_gone = [this] { gone_ = true; };
    });
  }

  // Everything that is planned happens, in its order.
  void run() {
    while (agenda_.next_due() || !process_->mail.empty()) {
      const bool mail_first = !agenda_.next_due() || (!process_->mail.empty() &&
                                                      process_->mail.begin()->first < *agenda_.next_due());
      if (mail_first) {
        const auto mail = process_->mail.extract(process_->mail.begin());
        clock_.advance_to(mail.key());
        mail.mapped()();
      } else {
        clock_.advance_to(*agenda_.next_due());
        agenda_.run_next();
      }
    }
  }
  LinkPtr connected() {
    const LinkPtr link = network_.make_link(k_port, process_);
    link->connect([this](std::int32_t result) { connected_ = result; });
    run();
    return link;
  }
  // A frame that says which request it is.
  static std::string request(wire::ApiKey api, std::size_t bytes) {
    wire::Buffer frame;
    wire::ByteWriter writer(frame);
    writer.int32(static_cast<std::int32_t>(bytes));
    writer.int16(static_cast<std::int16_t>(api));
    std::string text(as_text(frame));
    text.resize(wire::k_frame_size_bytes + bytes, 'x');
    return text;
  }
  void send_all(const LinkPtr& link, std::string_view bytes) {
    link->send(as_bytes(bytes), [this, link, bytes](std::int32_t sent) {
      ASSERT_GT(sent, 0);
      if (static_cast<std::size_t>(sent) < bytes.size()) {
        send_all(link, bytes.substr(static_cast<std::size_t>(sent)));
      }
    });
  }
  void receive_all(const LinkPtr& link) {
    link->receive(room_, [this, link](std::int32_t got) {
      results_.push_back(got);
      if (got > 0) {
        received_ += as_text(Bytes(room_).first(static_cast<std::size_t>(got)));
        receive_all(link);
      }
    });
  }

  SimClock clock_;
  Agenda agenda_;
  Faults faults_;
  SimNetwork network_{clock_, agenda_, faults_, {.patience = seconds(5), .late_max = seconds(10)}, 7};
  ProcessPtr process_ = std::make_shared<Process>();
  LinkPtr server_;
  std::string arrived_;
  bool gone_ = false;
  std::optional<std::int32_t> connected_;
  std::vector<std::byte> room_ = std::vector<std::byte>(64);
  std::string received_;
  std::vector<std::int32_t> results_;
};

TEST_F(SimNetworkTest, refuses_where_a_broker_is_down_or_tells_nobody) {
  network_.take_down(k_port);
  bool refused = false;
  for (int i = 0; i < 20; ++i) {
    connected_.reset();
    connected();
    refused = refused || connected_ == -ECONNREFUSED;
    EXPECT_NE(connected_, 0);
  }
  EXPECT_TRUE(refused);
  network_.bring_up(k_port);
  connected();
  EXPECT_EQ(connected_, 0);
}

class CuttingNetworkTest : public SimNetworkTest {
 protected:
  CuttingNetworkTest() : SimNetworkTest({.net_cut = 0.9}) {}
};

TEST_F(CuttingNetworkTest, brings_all_bytes_in_order) {
  const LinkPtr link = connected();
  const std::string sent = request(wire::ApiKey::fetch, 500);
  send_all(link, sent);
  run();
  EXPECT_EQ(arrived_, sent);
  receive_all(link);
  std::string answer;
  for (int i = 0; i < 300; ++i) {
    answer += std::to_string(i);
  }
  server_->answer(answer);
  run();
  EXPECT_EQ(received_, answer);
  server_->close();
  run();
  EXPECT_EQ(results_.back(), 0);
}

TEST_F(SimNetworkTest, tells_what_waits_that_it_was_given_up) {
  const LinkPtr link = connected();
  receive_all(link);
  link->give_up();
  EXPECT_TRUE(results_.empty());  // in a later turn
  run();
  EXPECT_EQ(results_, std::vector{-ECANCELED});
  EXPECT_TRUE(gone_);
}

class LateNetworkTest : public SimNetworkTest {
 protected:
  LateNetworkTest() : SimNetworkTest({.commit_late = 1}) {}
};

TEST_F(LateNetworkTest, brings_a_commit_after_it_was_given_up) {
  const LinkPtr link = connected();
  const std::string commit = request(wire::ApiKey::offset_commit, 100);
  link->send(as_bytes(commit), [](std::int32_t) {});
  link->give_up();
  EXPECT_EQ(arrived_, "");
  run();
  EXPECT_EQ(arrived_, commit);
  EXPECT_TRUE(gone_);
}

class LosingNetworkTest : public SimNetworkTest {
 protected:
  LosingNetworkTest() : SimNetworkTest({.commit_lost = 1}) {}
};

TEST_F(LosingNetworkTest, breaks_or_stays_silent_where_a_request_is_lost) {
  const LinkPtr link = connected();
  receive_all(link);
  send_all(link, request(wire::ApiKey::offset_commit, 100));
  run();
  EXPECT_EQ(arrived_, "");
  EXPECT_EQ(received_, "");
  const bool broken = results_ == std::vector{-ECONNRESET};
  EXPECT_TRUE(broken || results_.empty());
}

}  // namespace
}  // namespace penstock::sim
