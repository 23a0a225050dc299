// Shared Key: the signature of a request by the account's key. Pure.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
#pragma once

#include <string>
#include <string_view>

#include "azure/credential.h"
#include "azure/request.h"

namespace penstock::azure {

// The text that is signed:
//
//   PUT\n                                          the verb
//   \n\n                                           Content-Encoding, Content-Language
//   11\n                                           Content-Length; empty for 0
//   \n\n\n\n\n                                     Content-MD5, Content-Type, Date, If-Modified-Since,
//   If-Match
//   *\n                                            If-None-Match
//   \n\n                                           If-Unmodified-Since, Range
//   x-ms-blob-type:BlockBlob\n                     every x-ms-* header, by name
//   x-ms-date:Sat, 31 Jan 2026 00:00:00 GMT\n
//   x-ms-version:2021-12-02\n
//   /contoso/lake/raw/a.txt                        account and path; "/contoso/contoso/lake/..." on an
//   emulator \ncomp:block\nblockid:...                      each parameter of the query, by name, not encoded
std::string string_to_sign(const BlobRequest& request, std::string_view account);

// "SharedKey contoso:<base64 of the HMAC>". All other headers have been added before.
std::string shared_key_authorization(const BlobRequest& request, const SharedKey& key);

}  // namespace penstock::azure
