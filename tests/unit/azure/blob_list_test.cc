#include "azure/blob_list.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "azure/xml_reader.h"

namespace penstock::azure {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr std::string_view k_page =
    "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<EnumerationResults ServiceEndpoint=\"https://contoso.blob.core.windows.net/\" ContainerName=\"lake\">"
    "<Prefix>raw/</Prefix><MaxResults>500</MaxResults>"
    "<Blobs>"
    "<Blob><Name>raw/a&amp;b&#x41;&#233;.txt</Name><Properties><Creation-Time>x</Creation-Time>"
    "<Content-Length>12345678901</Content-Length><Content-MD5 "
    "/><LeaseStatus>unlocked</LeaseStatus></Properties>"
    "<Metadata "
    "Encrypted=\"a>b\"><Topic>api</Topic><ranges>0:1-2,1:3-4</ranges><empty/></Metadata><OrMetadata "
    "/></Blob>\n"
    "<Blob><Name>raw/dir</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>"
    "<Blob><Name>raw/old</Name><Properties><Content-Length>0</Content-Length></Properties>"
    "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>"
    "<Blob><Name "
    "Encoded=\"true\">raw/z%0B%25</Name><Properties><Content-Length>0</Content-Length></Properties>"
    "<Metadata/></Blob>"
    "</Blobs><NextMarker>2!76!MDAw</NextMarker></EnumerationResults>";

TEST(BlobListParser, reads_names_sizes_metadata_and_marker_and_leaves_directories_out) {
  const auto list = parse_blob_list(k_page);
  ASSERT_TRUE(list.ok()) << list.error().message;
  ASSERT_EQ(list->blobs.size(), 2U);
  EXPECT_EQ(list->blobs[0].name, "raw/a&bA\xc3\xa9.txt");
  EXPECT_EQ(list->blobs[0].bytes, 12345678901U);
  EXPECT_THAT(list->blobs[0].metadata,
              ElementsAre(Pair("topic", "api"), Pair("ranges", "0:1-2,1:3-4"), Pair("empty", "")));
  EXPECT_EQ(list->blobs[1].name, "raw/z\x0b%");
  EXPECT_TRUE(list->blobs[1].metadata.empty());
  EXPECT_EQ(list->next_marker, "2!76!MDAw");
}

TEST(BlobListParser, an_empty_page_has_nothing) {
  const auto list = parse_blob_list("<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>");
  ASSERT_TRUE(list.ok()) << list.error().message;
  EXPECT_TRUE(list->blobs.empty());
  EXPECT_TRUE(list->next_marker.empty());
}

TEST(BlobListParser, every_truncation_is_an_error) {
  for (std::size_t size = 0; size < k_page.size(); ++size) {
    const std::string cut{k_page.substr(0, size)};  // its own memory, so that a sanitizer sees its end
    EXPECT_FALSE(parse_blob_list(cut).ok()) << size;
  }
}

TEST(BlobListParser, every_damaged_byte_is_read_without_a_fault) {
  for (std::size_t at = 0; at < k_page.size(); ++at) {
    for (const char damage : {'<', '>', '&', '/', '\0', '"'}) {
      std::string page{k_page};
      page[at] = damage;
      (void)parse_blob_list(page);  // either is right; the sanitizers watch
    }
  }
}

TEST(BlobListParser, refuses_what_it_cannot_rely_on) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"<html><body/></html>", "begins with <html>"},
      {"not xml", "outside of the root"},
      {"<!DOCTYPE x [<!ENTITY a \"b\">]><EnumerationResults/>", "declaration"},
      {"<EnumerationResults>&a;</EnumerationResults>", "entity"},
      {"<EnumerationResults>&#xD800;</EnumerationResults>", "entity"},
      {"<EnumerationResults>&#0;</EnumerationResults>", "entity"},
      {"<EnumerationResults></Blobs></EnumerationResults>", "end tag"},
      {"<EnumerationResults/><EnumerationResults/>", "second root"},
      {"<EnumerationResults><a//></EnumerationResults>", "without a name"},
      {"<EnumerationResults><Blobs><Blob><Properties/></Blob></Blobs></EnumerationResults>",
       "without a name"},
      {"<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Content-Length>-1</Content-Length></"
       "Properties>"
       "</Blob></Blobs></EnumerationResults>",
       "Content-Length"},
      {"<EnumerationResults><Blobs><Blob><Name "
       "Encoded=\"true\">a%0</Name></Blob></Blobs></EnumerationResults>",
       "percent-encoded"},
  };
  for (const auto& [xml, expected] : cases) {
    const auto list = parse_blob_list(xml);
    ASSERT_FALSE(list.ok()) << xml;
    EXPECT_EQ(list.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(list.error().message, HasSubstr(expected)) << xml;
  }
}

TEST(XmlReader, refuses_elements_nested_too_deep) {
  std::string xml;
  for (int i = 0; i < 100; ++i) {
    xml += "<a>";
  }
  EXPECT_FALSE(parse_blob_list("<EnumerationResults>" + xml).ok());
}

TEST(XmlReader, gives_comments_no_event_and_cdata_as_text) {
  XmlReader reader{"<a><!-- <b> --><![CDATA[<&]]><c/></a>"};
  EXPECT_EQ(reader.next().kind, XmlEvent::Kind::start);
  EXPECT_EQ(reader.next().text, "<&");
  EXPECT_EQ(reader.next().name, "c");
  EXPECT_EQ(reader.depth(), 2U);
  EXPECT_EQ(reader.next().kind, XmlEvent::Kind::end);
  EXPECT_EQ(reader.next().name, "a");
  EXPECT_EQ(reader.next().kind, XmlEvent::Kind::end_of_document);
}

}  // namespace
}  // namespace penstock::azure
