// Shared Key: the signature of a request by the account's key. Pure.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
#pragma once

#include <string>
#include <string_view>

#include "azure/credential.h"
#include "azure/request.h"

namespace penstock::azure {

// The text that is signed, here of a Put Blob of 11 bytes with one metadata entry. Each line ends with a line
// feed, but for the last.
//
//   PUT                                        the verb
//   <empty>                                    Content-Encoding
//   <empty>                                    Content-Language
//   11                                         Content-Length; empty for 0
//   <empty>                                    Content-MD5
//   <empty>                                    Content-Type
//   <empty>                                    Date: empty, because x-ms-date takes its place
//   <empty>                                    If-Modified-Since
//   <empty>                                    If-Match
//   *                                          If-None-Match
//   <empty>                                    If-Unmodified-Since
//   <empty>                                    Range
//   x-ms-blob-content-type:text/plain          every x-ms-* header, in the order of their names
//   x-ms-blob-type:BlockBlob
//   x-ms-date:Sat, 31 Jan 2026 00:00:00 GMT
//   x-ms-meta-attempt:7
//   x-ms-version:2021-12-02
//   /contoso/lake/raw/a%20b.txt                the account, then the path as it is sent
//
// Behind the path follows each parameter of the query as a line of its own, in the order of their names and
// not encoded: "blockid:ZjVh...", "comp:block". An emulator has the account in the path too, so it stands
// there twice: "/devstoreaccount1/devstoreaccount1/lake/raw/a.txt".
std::string string_to_sign(const BlobRequest& request, std::string_view account);

// The value of the Authorization header: "SharedKey contoso:" and base64 of the text's HMAC-SHA256 by the
// key. For the text above and the key of the tests: "SharedKey
// contoso:pXM19RFCGqDgl5U3USCF+tK4/YKzfNS0Y/EXb4qiLWs=". All other headers have been added before: one that
// is added later is not signed, and the service refuses it.
std::string shared_key_authorization(const BlobRequest& request, const SharedKey& key);

}  // namespace penstock::azure
