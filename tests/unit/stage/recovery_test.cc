#include "stage/recovery.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/concat.h"
#include "stage/directory.h"
#include "stage/segment_file.h"
#include "unit/stage/stage_fixture.h"

namespace penstock::stage {
namespace {

class RecoveryTest : public StageTest {
 protected:
  RecoveryTest() { options_.direct = false; }  // the page cache sees what the test writes

  // Opens, appends chunks 0 ... count - 1, and goes away without releasing them, as a killed process does.
  std::vector<Extent> leave_chunks(std::uint32_t count) {
    open();
    std::vector<Extent> extents;
    for (std::uint32_t index = 0; index < count; ++index) {
      run_until([&] { return stage_->has_room(k_test_payload_bytes); });
      extents.push_back(append(index));
      settle();
    }
    close();
    return extents;
  }

  void overwrite(const std::string& path, std::uint64_t offset, const std::string& bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << bytes;
    ASSERT_TRUE(file.good()) << path;
  }

  std::vector<std::uint32_t> recovered_indices() {
    std::vector<std::uint32_t> indices;
    for (const RecoveredChunk& each : stage_->recovered().chunks) {
      indices.push_back(each.chunk.index);
    }
    std::sort(indices.begin(), indices.end());
    return indices;
  }

  bool message_with(const std::string& text) {
    const auto& messages = stage_->recovered().messages;
    return std::any_of(messages.begin(), messages.end(),
                       [&](const std::string& message) { return message.find(text) != std::string::npos; });
  }
};

using Indices = std::vector<std::uint32_t>;

TEST_F(RecoveryTest, a_fresh_directory_has_nothing_to_recover) {
  open();
  EXPECT_TRUE(stage_->recovered().chunks.empty());
  EXPECT_TRUE(stage_->recovered().messages.empty());
}

TEST_F(RecoveryTest, a_killed_process_leaves_every_chunk_with_all_its_fields) {
  const auto extents = leave_chunks(6);  // two segments
  open();
  ASSERT_EQ(recovered_indices(), (Indices{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(stage_->recovered().bytes, 6 * k_test_payload_bytes);
  for (const RecoveredChunk& each : stage_->recovered().chunks) {
    const auto index = each.chunk.index;
    EXPECT_EQ(each.extent, extents[index]);
    EXPECT_EQ(each.chunk.batch, (BatchId{7, 7}));
    EXPECT_EQ(each.chunk.topic, "topic");
    EXPECT_EQ(
        each.chunk.ranges,
        (std::vector<PartitionRange>{{Partition{3}, {Position{index * 10}, Position{index * 10 + 10}}}}));
    EXPECT_EQ(each.chunk.records, 10U);
    EXPECT_EQ(each.chunk.raw_bytes, k_test_payload_bytes);
  }
  stage_->forget_recovered();
  EXPECT_TRUE(stage_->recovered().chunks.empty());
}

TEST_F(RecoveryTest, what_was_left_takes_no_room_and_is_void_after_reuse) {
  (void)leave_chunks(12);
  ASSERT_EQ(leave_chunks(5).size(), 5U);  // the full stage of before is free; chunks of both lives lie there
  open();
  EXPECT_EQ(stage_->counters().live_bytes, 0U);
  // Of the second life all five; of the first none, as every segment has been prepared again.
  EXPECT_EQ(recovered_indices(), (Indices{0, 1, 2, 3, 4}));
}

TEST_F(RecoveryTest, segments_keep_getting_greater_sequences_over_restarts) {
  std::uint64_t greatest = 0;
  for (int life = 0; life < 4; ++life) {
    const auto extents = leave_chunks(1);
    const auto scan = scan_segment(segment_path(extents[0].segment), extents[0].segment, Payloads::verified);
    ASSERT_TRUE(scan.ok());
    EXPECT_GT(scan->header.sequence, greatest);
    greatest = scan->header.sequence;
    EXPECT_EQ(scan->chunks.size(), 1U);
  }
}

TEST_F(RecoveryTest, the_scan_is_cut_at_a_damaged_header) {
  const auto extents = leave_chunks(4);
  overwrite(segment_path(extents[2].segment), extents[2].offset + 40, "XXXX");
  open();
  EXPECT_EQ(recovered_indices(), (Indices{0, 1}));
  EXPECT_TRUE(message_with("does not match its checksum"));
  EXPECT_TRUE(message_with(segment_path(extents[2].segment)));
}

TEST_F(RecoveryTest, a_flipped_bit_in_a_payload_is_found_where_payloads_are_verified) {
  const auto extents = leave_chunks(4);
  const std::string path = segment_path(extents[1].segment);
  overwrite(path, extents[1].offset + k_chunk_header_bytes + k_test_payload_bytes - 1, "!");
  const auto verified = scan_segment(path, extents[1].segment, Payloads::verified);
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->chunks.size(), 1U);
  EXPECT_NE(verified->torn.find("payload"), std::string::npos);
  const auto skipped = scan_segment(path, extents[1].segment, Payloads::skipped);
  EXPECT_EQ(skipped->chunks.size(), 4U);
}

TEST_F(RecoveryTest, a_truncated_segment_is_removed_and_made_anew) {
  const auto extents = leave_chunks(3);
  const std::string path = segment_path(extents[0].segment);
  std::filesystem::resize_file(path, extents[1].offset + 100);
  open();
  EXPECT_TRUE(message_with("removed " + path));
  EXPECT_EQ(std::filesystem::file_size(segment_path(1)), k_test_segment_bytes);
  const Extent extent = append(9);
  settle();
  EXPECT_TRUE(*read(extent, 9) == payload_of(9));
}

TEST_F(RecoveryTest, foreign_and_damaged_files_are_moved_aside_whole) {
  const auto extents = leave_chunks(1);
  std::ofstream(options_.dir + "/notes.txt") << "mine";
  std::ofstream(segment_path(7)) << "not a segment";
  const std::string damaged = segment_path(extents[0].segment);
  overwrite(damaged, 16, "XXXX");
  open();
  EXPECT_TRUE(message_with("moved " + options_.dir + "/notes.txt aside"));
  EXPECT_TRUE(message_with("moved " + segment_path(7) + " aside"));
  EXPECT_TRUE(message_with("moved " + damaged + " aside"));
  EXPECT_TRUE(stage_->recovered().chunks.empty());
  std::string text;
  std::ifstream(options_.dir + "/aside/notes.txt") >> text;
  EXPECT_EQ(text, "mine");
  EXPECT_EQ(std::filesystem::file_size(options_.dir + "/aside/segment-00000007.stage"), 13U);

  close();
  std::ofstream(options_.dir + "/notes.txt") << "again";  // the first one stays as it is
  open();
  std::ifstream(options_.dir + "/aside/notes.txt") >> text;
  EXPECT_EQ(text, "mine");
  EXPECT_TRUE(std::filesystem::exists(options_.dir + "/aside/notes.txt.1"));
}

TEST_F(RecoveryTest, what_was_moved_aside_is_kept_within_bounds_and_the_oldest_goes_first) {
  open();
  const auto aside = [this](int number) { return concat(options_.dir, "/aside/notes-", number); };
  const auto move_one = [this](int number) {
    close();
    std::ofstream(concat(options_.dir, "/notes-", number)) << "mine";
    std::this_thread::sleep_for(
        std::chrono::milliseconds(10));  // so that the clock of the files has moved on
    open();
  };
  for (int number = 0; number < static_cast<int>(k_aside_files_max); ++number) {
    move_one(number);
  }
  EXPECT_TRUE(std::filesystem::exists(aside(0)));
  EXPECT_FALSE(message_with("older ones were deleted"));
  move_one(1000);
  EXPECT_FALSE(std::filesystem::exists(aside(0)));
  EXPECT_TRUE(std::filesystem::exists(aside(1)));
  EXPECT_TRUE(message_with("older ones were deleted: " + aside(0)));

  close();
  std::ofstream(options_.dir + "/large") << "mine";
  std::filesystem::resize_file(options_.dir + "/large", k_aside_bytes_max + 1);
  open();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(options_.dir + "/aside"),
                          std::filesystem::directory_iterator()),
            1)
      << "what was moved last stays, however large it is";
  EXPECT_TRUE(std::filesystem::exists(options_.dir + "/aside/large"));
}

TEST_F(RecoveryTest, directories_and_links_are_not_followed) {
  open();
  close();
  std::filesystem::create_directory(options_.dir + "/lost+found");
  std::ofstream(root_ + "/elsewhere") << "precious";
  std::filesystem::create_symlink(root_ + "/elsewhere", segment_path(9));
  open();
  EXPECT_TRUE(std::filesystem::is_directory(options_.dir + "/lost+found"));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(segment_path(9))));
  EXPECT_EQ(std::filesystem::file_size(root_ + "/elsewhere"), 8U);
}

TEST_F(RecoveryTest, a_segment_that_was_made_and_not_used_is_removed) {
  open();
  close();
  (void)make_segment_file(segment_path(3), k_test_segment_bytes, Access::buffered);  // and then a crash
  std::ofstream(segment_path(4)).flush();                                            // one before its room
  std::ofstream(segment_path(5)).flush();
  std::filesystem::resize_file(segment_path(5), 100);  // one between
  open();
  for (const std::uint32_t number : {3U, 4U, 5U}) {
    EXPECT_TRUE(message_with("removed " + segment_path(number) + ": it is not complete"));
    EXPECT_FALSE(std::filesystem::exists(segment_path(number)));
  }
  EXPECT_EQ(stage_->counters().segment_files, 2U);
}

TEST_F(RecoveryTest, a_segment_that_an_earlier_release_was_filling_is_removed) {
  open();
  close();
  Block block{};
  encode_segment_header({.sequence = 0, .segment_bytes = k_test_segment_bytes}, block.bytes);
  EXPECT_EQ(block.bytes[14], std::byte{0});  // as 0.1.0 wrote it before it filled the file
  std::ofstream(segment_path(3)) << as_text(block.bytes);
  std::filesystem::resize_file(segment_path(3), k_test_segment_bytes);
  open();
  EXPECT_TRUE(message_with("removed " + segment_path(3) + ": it is not complete"));
  EXPECT_EQ(stage_->counters().segment_files, 2U);
}

// The power failed: blocks that had not come to the disk are what they were, zeros in a new file.
TEST_F(RecoveryTest, a_new_segment_that_lost_its_header_is_removed_and_one_that_lost_a_chunk_ends_there) {
  const auto extents = leave_chunks(6);
  const std::string zeros(k_test_slab_bytes, '\0');
  overwrite(segment_path(extents[4].segment), 0, zeros.substr(0, k_block_bytes));
  overwrite(segment_path(extents[2].segment), extents[2].offset, zeros);
  open();
  EXPECT_EQ(recovered_indices(), (Indices{0, 1}));
  EXPECT_TRUE(message_with("removed " + segment_path(extents[4].segment)));
  EXPECT_FALSE(std::filesystem::exists(options_.dir + "/aside"));
  const Extent extent = append(9);
  settle();
  EXPECT_TRUE(*read(extent, 9) == payload_of(9));
}

TEST_F(RecoveryTest, a_reserved_and_never_written_rest_holds_no_chunk) {
  const auto extents = leave_chunks(1);
  const auto scan = scan_segment(segment_path(extents[0].segment), extents[0].segment, Payloads::verified);
  ASSERT_TRUE(scan.ok());
  EXPECT_TRUE(scan->complete);
  EXPECT_EQ(scan->chunks.size(), 1U);
  EXPECT_EQ(scan->torn, "");
}

TEST_F(RecoveryTest, a_smaller_stage_removes_the_segments_beyond_its_size) {
  (void)leave_chunks(12);
  ASSERT_TRUE(std::filesystem::exists(segment_path(3)));
  options_.bytes_max = 2 * k_test_segment_bytes;
  open();
  EXPECT_EQ(stage_->recovered().chunks.size(), 12U);
  EXPECT_EQ(stage_->counters().segment_files, 2U);
  EXPECT_FALSE(std::filesystem::exists(segment_path(3)));
}

TEST_F(RecoveryTest, segments_of_another_size_are_replaced) {
  (void)leave_chunks(2);
  options_.segment_bytes = 2 * k_test_segment_bytes;
  options_.bytes_max = 6 * k_test_segment_bytes;
  open();
  EXPECT_EQ(stage_->recovered().chunks.size(), 2U);
  EXPECT_EQ(std::filesystem::file_size(segment_path(1)), 2 * k_test_segment_bytes);
}

// What an earlier process left, when it is to be used again.
class KeptTest : public RecoveryTest {
 protected:
  KeptTest() {
    options_.bytes_max = 5 * k_test_segment_bytes;
    options_.keep_recovered = true;
  }

  void release_all() {
    for (const RecoveredChunk& each : stage_->recovered().chunks) {
      stage_->release(each.extent);
    }
    stage_->forget_recovered();
  }
};

TEST_F(KeptTest, chunks_that_are_kept_survive_what_is_written_and_are_read_back) {
  const auto extents = leave_chunks(6);
  open();
  ASSERT_EQ(recovered_indices(), (Indices{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(stage_->counters().live_bytes, 6 * k_test_slab_bytes);
  for (std::uint32_t index = 20; index < 28; ++index) {  // two segments more
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    (void)append(index);
    settle();
  }
  for (std::uint32_t index = 0; index < 6; ++index) {
    const auto bytes = read(extents[index], index);
    ASSERT_TRUE(bytes.ok()) << bytes.error().message;
    EXPECT_TRUE(*bytes == payload_of(index)) << index;
  }
}

TEST_F(KeptTest, they_take_room_until_they_are_released) {
  (void)leave_chunks(12);
  open();
  for (std::uint32_t index = 20; index < 28; ++index) {
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    (void)append(index);
    settle();
  }
  for (int turn = 0; turn < 20; ++turn) {
    loop_->run_once(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(stage_->has_room(k_test_payload_bytes));
  EXPECT_EQ(stage_->counters().segment_files, 5U);
  release_all();
  run_until([&] { return stage_->has_room(k_test_payload_bytes); });
  EXPECT_EQ(stage_->counters().live_bytes, 8 * k_test_slab_bytes);
  EXPECT_EQ(stage_->counters().segment_files, 5U);
}

TEST_F(KeptTest, they_are_found_again_by_a_third_process_that_did_not_release_them) {
  (void)leave_chunks(3);
  (void)leave_chunks(0);
  open();
  EXPECT_EQ(recovered_indices(), (Indices{0, 1, 2}));
}

TEST_F(KeptTest, a_full_stage_gives_up_its_latest_segments) {
  (void)leave_chunks(20);  // all five
  open();
  Indices earliest(12);
  for (std::uint32_t index = 0; index < 12; ++index) {
    earliest[index] = index;
  }
  EXPECT_EQ(recovered_indices(), earliest);
  EXPECT_EQ(stage_->recovered().bytes, 12 * k_test_payload_bytes);
  EXPECT_EQ(stage_->counters().live_bytes, 12 * k_test_slab_bytes);
  EXPECT_EQ(stage_->counters().segment_files, 5U);
  EXPECT_TRUE(stage_->has_room(k_test_payload_bytes));
}

TEST_F(KeptTest, chunks_of_segments_that_do_not_fit_any_more_are_not_kept) {
  (void)leave_chunks(2);
  options_.segment_bytes = 2 * k_test_segment_bytes;
  options_.bytes_max = 10 * k_test_segment_bytes;
  open();
  EXPECT_TRUE(stage_->recovered().chunks.empty());
  EXPECT_EQ(stage_->counters().live_bytes, 0U);
}

TEST_F(KeptTest, a_damaged_payload_is_found_when_it_is_read) {
  const auto extents = leave_chunks(2);
  overwrite(segment_path(extents[1].segment), extents[1].offset + k_chunk_header_bytes + 5, "!");
  open();
  EXPECT_TRUE(read(extents[0], 0).ok());
  const auto damaged = read(extents[1], 1);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().kind, ErrorKind::corrupt);
  release_all();
  EXPECT_EQ(stage_->counters().live_bytes, 0U);
}

TEST_F(KeptTest, segments_without_chunks_are_free) {
  (void)leave_chunks(0);
  open();
  EXPECT_EQ(stage_->counters().segment_files, 2U);
  EXPECT_TRUE(stage_->has_room(k_test_payload_bytes));
}

TEST(KeepSegments, takes_the_earliest_that_the_bound_on_chunks_allows) {
  Leftovers found;
  for (std::uint32_t number = 1; number <= 3; ++number) {
    found.reusable.push_back(number);
    for (std::size_t i = 0; i < k_kept_chunks_max / 2; ++i) {
      RecoveredChunk& each = found.recovered.chunks.emplace_back();
      each.extent = {.segment = number, .offset = i, .payload_bytes = 1};
      each.chunk.place.sequence = 10 - number;
    }
  }
  keep_segments(found, 3);
  ASSERT_EQ(found.kept.size(), 2U);
  EXPECT_EQ(found.kept[0].number, 3U);
  EXPECT_EQ(found.kept[1].number, 2U);
  EXPECT_EQ(found.reusable, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(found.recovered.chunks.size(), k_kept_chunks_max);
  EXPECT_EQ(found.recovered.chunks.front().extent.segment, 3U);
  give_up_latest(found);
  EXPECT_EQ(found.reusable, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(found.recovered.bytes, k_kept_chunks_max / 2);
}

TEST(SegmentName, is_read_back_and_others_are_not) {
  for (const std::uint32_t number : {0U, 1U, 99'999'999U, 123'456'789U}) {
    EXPECT_EQ(segment_number(segment_name(number)), number);
  }
  EXPECT_EQ(segment_name(1), "segment-00000001.stage");
  for (const std::string_view name :
       {"", "lock", "segment-.stage", "segment-1.stage", "segment-0000000x.stage", "segment-00000001.stage.1",
        "segment-4294967295.stage", "segment-99999999999.stage", "segment-000000001.stage",
        "segment-.stag"}) {
    EXPECT_EQ(segment_number(name), std::nullopt) << name;
  }
}

TEST(AccessChoice, follows_what_the_kernel_says_of_the_file) {
  EXPECT_EQ(choose_access({.known = false}).access, Access::direct);  // to be tried
  EXPECT_EQ(choose_access({.known = true, .memory_bytes = 4, .offset_bytes = 512}).access, Access::direct);
  EXPECT_EQ(choose_access({.known = true, .memory_bytes = 4096, .offset_bytes = 4096}).access,
            Access::direct);
  const auto refused = choose_access({.known = true});
  EXPECT_EQ(refused.access, Access::buffered);
  EXPECT_NE(refused.note.find("does not support O_DIRECT"), std::string::npos);
  const auto coarse = choose_access({.known = true, .memory_bytes = 512, .offset_bytes = 16384});
  EXPECT_EQ(coarse.access, Access::buffered);
  EXPECT_NE(coarse.note.find("16384"), std::string::npos);
}

}  // namespace
}  // namespace penstock::stage
