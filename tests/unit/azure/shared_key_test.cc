#include "azure/shared_key.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "azure/blob_requests.h"
#include "azure/endpoint.h"

namespace penstock::azure {
namespace {

// 2026-01-31T00:00:00Z
constexpr WallTime k_signing_time{std::chrono::seconds{1769817600}};
// base64 of "an account key of thirty-two byt"
constexpr std::string_view k_key = "YW4gYWNjb3VudCBrZXkgb2YgdGhpcnR5LXR3byBieXQ=";
constexpr std::string_view k_development_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

std::string header_of(const BlobRequest& request, std::string_view name) {
  for (const auto& [known, value] : request.headers) {
    if (known == name) {
      return value;
    }
  }
  return "(absent)";
}

// The signatures were computed apart from this code (Python's hmac) over the same texts.

TEST(SharedKeySignature, of_a_conditional_put_blob_signs_length_condition_metadata_and_encoded_path) {
  const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake/raw").value();
  BlobRequest request = put_blob(endpoint, "a b.txt", 11, {{"attempt", "7"}}).value();
  authorize(request, make_shared_key("contoso", k_key).value(), k_signing_time);
  EXPECT_EQ(string_to_sign(request, "contoso"),
            "PUT\n\n\n11\n\n\n\n\n\n*\n\n\n"
            "x-ms-blob-content-type:text/plain\n"
            "x-ms-blob-type:BlockBlob\n"
            "x-ms-date:Sat, 31 Jan 2026 00:00:00 GMT\n"
            "x-ms-meta-attempt:7\n"
            "x-ms-version:2021-12-02\n"
            "/contoso/lake/raw/a%20b.txt");
  EXPECT_EQ(header_of(request, "authorization"),
            "SharedKey contoso:pXM19RFCGqDgl5U3USCF+tK4/YKzfNS0Y/EXb4qiLWs=");
}

TEST(SharedKeySignature, against_an_emulator_has_the_account_twice_and_an_empty_length_for_zero) {
  const Endpoint endpoint = parse_endpoint("http://127.0.0.1:10000/devstoreaccount1/lake/raw").value();
  BlobRequest request = put_block(endpoint, "a.txt", 3, 0);
  authorize(request, make_shared_key("devstoreaccount1", k_development_key).value(), k_signing_time);
  EXPECT_EQ(string_to_sign(request, "devstoreaccount1"),
            "PUT\n\n\n\n\n\n\n\n\n\n\n\n"
            "x-ms-date:Sat, 31 Jan 2026 00:00:00 GMT\n"
            "x-ms-version:2021-12-02\n"
            "/devstoreaccount1/devstoreaccount1/lake/raw/a.txt\n"
            "blockid:ZjVhNGQ2ZTllM2ViYzE4YTAwMDAwMDAz\n"
            "comp:block");
  EXPECT_EQ(header_of(request, "authorization"),
            "SharedKey devstoreaccount1:Lo4r9MjdGiZwKuj1dfpnOPiWaVrwSV8yjK0hDOjkaII=");
}

TEST(SharedKeySignature, signs_the_content_type_of_a_block_list_and_its_length) {
  const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake").value();
  const std::uint32_t indexes[] = {0};
  BlobRequest request = put_block_list(endpoint, "a.txt", indexes, {}).value();
  const std::string text = string_to_sign(request, "contoso");
  EXPECT_TRUE(text.starts_with("PUT\n\n\n" + std::to_string(request.body.size()) + "\n\napplication/xml\n"))
      << text;
}

TEST(SharedKeySignature, signs_query_values_as_they_are_before_encoding) {
  const Endpoint endpoint = parse_endpoint("https://contoso.blob.core.windows.net/lake/raw").value();
  const BlobRequest request = list_blobs(endpoint, "a b/", "m=1&2", 10);
  EXPECT_TRUE(string_to_sign(request, "contoso")
                  .ends_with("/contoso/lake\ncomp:list\ninclude:metadata\nmarker:m=1&2\nmaxresults:10\n"
                             "prefix:raw/a b/\nrestype:container"));
}

}  // namespace
}  // namespace penstock::azure
