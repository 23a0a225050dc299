#include "azure/blob_requests.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"

namespace penstock::azure {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

const Endpoint& endpoint() {
  static const Endpoint the = parse_endpoint("https://contoso.blob.core.windows.net/lake/raw").value();
  return the;
}

TEST(BlobRequests, each_operation_goes_to_its_address) {
  const std::string host = "https://contoso.blob.core.windows.net";
  EXPECT_THAT(url_of(put_block(endpoint(), "a.txt", 0, 1)),
              StartsWith(host + "/lake/raw/a.txt?comp=block&blockid="));
  EXPECT_EQ(url_of(put_block_list(endpoint(), "a.txt", {}, {}).value()),
            host + "/lake/raw/a.txt?comp=blocklist");
  EXPECT_EQ(url_of(put_blob(endpoint(), "a.txt", 1, {}).value()), host + "/lake/raw/a.txt");
  EXPECT_EQ(url_of(get_blob_properties(endpoint(), "a.txt")), host + "/lake/raw/a.txt");
  EXPECT_EQ(url_of(list_blobs(endpoint(), "api/", "", 1)),
            host + "/lake?restype=container&comp=list&include=metadata&maxresults=1&prefix=raw%2Fapi%2F");
  EXPECT_EQ(
      url_of(list_blobs(endpoint(), "", "m+1", 500)),
      host + "/lake?restype=container&comp=list&include=metadata&maxresults=500&prefix=raw%2F&marker=m%2B1");
  EXPECT_EQ(url_of(create_container(endpoint())), host + "/lake?restype=container");

  EXPECT_EQ(put_blob(endpoint(), "a.txt", 1, {})->verb, Verb::put);
  EXPECT_EQ(get_blob_properties(endpoint(), "a.txt").verb, Verb::head);
  EXPECT_EQ(list_blobs(endpoint(), "", "", 1).verb, Verb::get);
  EXPECT_EQ(put_block(endpoint(), "a.txt", 0, 77).content_length, 77U);
}

TEST(BlobRequests, every_write_of_a_blob_is_conditional) {
  for (const BlobRequest& request :
       {put_blob(endpoint(), "a.txt", 1, {}).value(), put_block_list(endpoint(), "a.txt", {}, {}).value()}) {
    EXPECT_THAT(request.headers, Contains(Pair("if-none-match", "*")));
  }
}

TEST(BlobRequests, a_checksum_is_written_as_the_service_writes_it) {
  EXPECT_EQ(crc64_text(0x659632CB7E4BE261),
            "YeJLfssylmU=");                 // what Azure answers to a Put Blob of "Hello World"
  EXPECT_EQ(crc64_text(0), "AAAAAAAAAAA=");  // and of nothing
  EXPECT_THAT(put_blob(endpoint(), "a.txt", 1, {}, 0)->headers,
              Contains(Pair("x-ms-content-crc64", "AAAAAAAAAAA=")));
  EXPECT_THAT(put_blob(endpoint(), "a.txt", 1, {})->headers,
              testing::Not(Contains(Pair("x-ms-content-crc64", testing::_))));
}

TEST(BlobRequests, names_are_percent_encoded_but_for_their_slashes) {
  EXPECT_EQ(get_blob_properties(endpoint(), "a b/%?#&+~\xc3\xa9.txt").path,
            "/lake/raw/a%20b/%25%3F%23%26%2B~%C3%A9.txt");
}

TEST(BlobRequests, the_extension_decides_the_content_type) {
  EXPECT_EQ(content_type_of("a.txt"), "text/plain");
  EXPECT_EQ(content_type_of("a.txt.gz"), "application/gzip");
  EXPECT_EQ(content_type_of("a.txt.zst"), "application/zstd");
  EXPECT_THAT(put_blob(endpoint(), "a.txt.gz", 1, {})->headers,
              Contains(Pair("x-ms-blob-content-type", "application/gzip")));
}

TEST(BlobRequests, block_ids_are_of_one_length_and_differ_by_name_and_index) {
  const std::string id = block_id("raw/a.txt", 0);
  EXPECT_EQ(base64_decode(id)->size(), 24U);  // at most 64
  EXPECT_EQ(block_id("raw/a.txt", 4294967295).size(), id.size());
  EXPECT_EQ(block_id("raw/a.txt", 0), id);
  EXPECT_NE(block_id("raw/a.txt", 1), id);
  EXPECT_NE(block_id("raw/b.txt", 0), id);
}

TEST(BlobRequests, a_block_list_names_its_blocks_in_order) {
  const std::vector<std::uint32_t> indexes = {0, 1, 2};
  const BlobRequest request = put_block_list(endpoint(), "a.txt", indexes, {}).value();
  EXPECT_EQ(request.body, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>" +
                              block_id("raw/a.txt", 0) + "</Latest><Latest>" + block_id("raw/a.txt", 1) +
                              "</Latest><Latest>" + block_id("raw/a.txt", 2) + "</Latest></BlockList>");
  EXPECT_EQ(request.content_length, request.body.size());
}

TEST(BlobRequests, a_block_list_past_the_services_limit_is_refused_here) {
  EXPECT_TRUE(put_block_list(endpoint(), "a.txt", std::vector<std::uint32_t>(50'000), {}).ok());
  const auto refused = put_block_list(endpoint(), "a.txt", std::vector<std::uint32_t>(50'001), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("50000"));
}

TEST(BlobRequests, metadata_becomes_headers_and_an_empty_value_none) {
  const BlobRequest request =
      put_blob(endpoint(), "a.txt", 1, {{"topic", "api"}, {"ranges", "0:1-2,1:3-4"}, {"note", ""}}).value();
  EXPECT_THAT(request.headers, Contains(Pair("x-ms-meta-topic", "api")));
  EXPECT_THAT(request.headers, Contains(Pair("x-ms-meta-ranges", "0:1-2,1:3-4")));
  EXPECT_THAT(request.headers, testing::Not(Contains(Pair("x-ms-meta-note", ""))));
}

TEST(BlobRequests, metadata_that_could_forge_a_header_or_break_the_signature_is_refused) {
  const Metadata cases[] = {
      {{"Topic", "x"}},    {{"a-b", "x"}},   {{"", "x"}},     {{"a", "x\r\nif-match: *"}},
      {{"a", "\xc3\xa9"}}, {{"a", " lead"}}, {{"a", "a  b"}}, {{"a", std::string(8193, 'x')}},
  };
  for (const Metadata& metadata : cases) {
    EXPECT_FALSE(put_blob(endpoint(), "a.txt", 1, metadata).ok());
    EXPECT_FALSE(put_block_list(endpoint(), "a.txt", {}, metadata).ok());
  }
}

}  // namespace
}  // namespace penstock::azure
