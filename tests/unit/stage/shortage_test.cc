// What the stage says of itself where chunks have to wait, and how often it asks a disk that refuses.
#include "stage/shortage.h"

#include <cerrno>
#include <set>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/stage/stage_fixture.h"
#include "unit/stage/watched_loop.h"

namespace penstock::stage {
namespace {

using Kind = Shortage::Kind;

class ShortageTest : public StageTest {
 protected:
  ShortageTest() {
    auto watched = std::make_unique<WatchedLoop>(std::move(loop_));
    watched_ = watched.get();
    loop_ = std::move(watched);
  }

  // Full chunks until there is no room: eight, or more where another segment became ready meanwhile.
  std::vector<Extent> append_what_fits() {
    std::vector<Extent> extents;
    while (stage_->has_room(k_test_payload_bytes)) {
      extents.push_back(append(static_cast<std::uint32_t>(extents.size())));
      settle();
    }
    return extents;
  }

  void append_that_fails(std::uint32_t index) {
    bool failed = false;
    const Extent extent =
        append(index, k_test_payload_bytes, [&](Result<void> result) { failed = !result.ok(); });
    ASSERT_TRUE(extent.placed());
    run_until([&] { return failed; });
  }

  void turn(int turns) {
    for (int i = 0; i < turns; ++i) {
      loop_->run_once(std::chrono::milliseconds(1));
    }
  }

  WatchedLoop* watched_ = nullptr;
};

TEST_F(ShortageTest, a_new_stage_writes_each_byte_once) {
  options_.bytes_max = 5 * k_test_segment_bytes;
  open();
  std::set<std::uint32_t> segments;
  for (std::uint32_t index = 0; index < 20; ++index) {
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    segments.insert(append(index).segment);
    settle();
  }
  ASSERT_EQ(segments.size(), 5U);
  EXPECT_EQ(watched_->written_bytes(), 20 * k_test_slab_bytes + 3 * k_block_bytes)
      << "chunks, and a header for each file made after the start";
  EXPECT_EQ(watched_->syncs(), 0U);
}

TEST_F(ShortageTest, a_new_file_has_its_room_and_nothing_in_it_but_its_header) {
  open();
  for (const std::uint32_t number : {1U, 2U}) {
    const UniqueFd fd(::open(segment_path(number).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    ASSERT_EQ(::fstat(fd.get(), &status), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), k_test_segment_bytes);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, k_test_segment_bytes);
    EXPECT_EQ(::lseek(fd.get(), k_block_bytes, SEEK_DATA), -1);
    EXPECT_EQ(errno, ENXIO);
  }
}

TEST_F(ShortageTest, none_while_there_is_room_and_preparing_while_a_segment_is_on_its_way) {
  open();
  EXPECT_EQ(stage_->shortage().kind, Kind::none);
  watched_->holds_headers = true;
  const auto extents = append_what_fits();
  ASSERT_EQ(extents.size(), 8U);
  turn(20);
  EXPECT_EQ(stage_->shortage().kind, Kind::preparing);
  EXPECT_FALSE(stage_->shortage().lasts());
  watched_->release_headers();
  run_until([&] { return stage_->has_room(k_test_payload_bytes); });
  EXPECT_EQ(stage_->shortage().kind, Kind::none);
}

TEST_F(ShortageTest, a_disk_that_does_not_answer_is_said_after_a_while) {
  options_.answers_within = std::chrono::milliseconds(30);
  open();
  watched_->holds_headers = true;
  (void)append_what_fits();
  run_until([&] { return stage_->shortage().kind == Kind::failed; });
  const Shortage shortage = stage_->shortage();
  EXPECT_EQ(shortage.error->kind, ErrorKind::timed_out);
  EXPECT_NE(shortage.error->message.find(segment_path(3) + ": the disk has not answered for "),
            std::string::npos)
      << shortage.error->message;
  watched_->release_headers();
  run_until([&] { return stage_->shortage().kind == Kind::none; });
}

TEST_F(ShortageTest, full_when_all_of_bytes_max_is_in_use) {
  open();
  std::vector<Extent> extents;
  for (std::uint32_t index = 0; index < 12; ++index) {
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    extents.push_back(append(index));
    settle();
  }
  EXPECT_EQ(stage_->shortage().kind, Kind::full);
  EXPECT_FALSE(stage_->shortage().error.has_value());
  for (std::size_t i = 4; i < 8; ++i) {
    stage_->release(extents[i]);
  }
  run_until([&] { return stage_->shortage().kind == Kind::none; });
}

TEST_F(ShortageTest, a_disk_without_room_for_a_header_is_full_and_says_so) {
  open();
  watched_->refusal = [](std::size_t bytes) { return bytes == k_block_bytes ? ENOSPC : 0; };
  (void)append_what_fits();
  run_until([&] { return stage_->shortage().kind == Kind::full; });
  EXPECT_EQ(stage_->shortage().error->code, "ENOSPC");
  EXPECT_TRUE(stage_->shortage().lasts());
  watched_->refusal = [](std::size_t) { return 0; };
  run_until([&] { return stage_->shortage().kind == Kind::none; });
}

TEST_F(ShortageTest, a_file_that_cannot_be_made_leaves_segments_that_are_free_in_use) {
  options_.retry_after = std::chrono::hours(1);
  open();
  ASSERT_EQ(::mkdir(segment_path(3).c_str(), 0700), 0);  // in the way of the third
  const auto extents = append_what_fits();
  ASSERT_EQ(extents.size(), 8U);
  const Shortage shortage = stage_->shortage();
  ASSERT_EQ(shortage.kind, Kind::failed);
  EXPECT_NE(shortage.error->message.find("making the stage file " + segment_path(3)), std::string::npos);
  for (std::size_t i = 0; i < 4; ++i) {
    stage_->release(extents[i]);
  }
  run_until([&] { return stage_->has_room(k_test_payload_bytes); });
  EXPECT_EQ(stage_->shortage().kind, Kind::none);
}

TEST_F(ShortageTest, a_failed_write_is_told_until_one_succeeds) {
  open();
  watched_->refusal = [](std::size_t bytes) { return bytes > k_block_bytes ? EIO : 0; };
  append_that_fails(0);
  ASSERT_EQ(stage_->shortage().kind, Kind::failed);
  EXPECT_EQ(stage_->shortage().error->code, "EIO");
  watched_->refusal = [](std::size_t) { return 0; };
  ASSERT_TRUE(append(1).placed());
  EXPECT_EQ(stage_->shortage().kind, Kind::failed);
  settle();
  EXPECT_EQ(stage_->shortage().kind, Kind::none);
}

// Headers overwrite a block that is there, so only chunks meet a disk that is full where room cannot be
// reserved.
TEST_F(ShortageTest, a_disk_that_takes_headers_and_no_chunks_is_not_asked_without_a_pause) {
  options_.retry_after = std::chrono::hours(1);
  open();
  watched_->refusal = [](std::size_t bytes) { return bytes > k_block_bytes ? ENOSPC : 0; };
  append_that_fails(0);
  append_that_fails(1);
  turn(50);
  EXPECT_FALSE(stage_->has_room(k_test_payload_bytes));
  EXPECT_EQ(watched_->writes(), 2U);
  EXPECT_EQ(stage_->shortage().kind, Kind::full);
  EXPECT_EQ(stage_->shortage().error->code, "ENOSPC");
}

TEST_F(ShortageTest, a_disk_that_refused_a_chunk_is_tried_again_after_the_pause) {
  open();
  watched_->refusal = [](std::size_t bytes) { return bytes > k_block_bytes ? ENOSPC : 0; };
  append_that_fails(0);
  append_that_fails(1);
  watched_->refusal = [](std::size_t) { return 0; };
  run_until([&] { return stage_->has_room(k_test_payload_bytes); });
  const Extent extent = append(2);
  settle();
  EXPECT_TRUE(*read(extent, 2) == payload_of(2));
  EXPECT_EQ(stage_->shortage().kind, Kind::none);
}

}  // namespace
}  // namespace penstock::stage
