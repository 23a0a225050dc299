// The table itself: what each refusal of the Blob service means, and what a person could do. Pure.
//
// blob_errors.h makes the sentence of it. The codes are those that Azure documents for all storage services,
// for blobs, for SAS and for the names of a hierarchical namespace, as far as an operation of ours can meet
// them; the rest falls to its status.
#pragma once

#include <string_view>

#include <penstock/result.h>

namespace penstock::azure {

struct Verdict {
  int status;             // 0: any
  std::string_view code;  // "": any; "KeyVault*": whatever begins so
  ErrorKind kind;
  Action action;
  std::string_view advice;
  std::string_view bearer_advice = {};  // where the credential is a token of Entra; empty: the same
};

Verdict verdict_of(int status, std::string_view code);

}  // namespace penstock::azure
