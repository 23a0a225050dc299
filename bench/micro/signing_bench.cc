// Building and signing one Put Block request by Shared Key: paid once a block, not once a record.
#include <chrono>
#include <string_view>

#include <benchmark/benchmark.h>

#include "azure/blob_requests.h"
#include "azure/credential.h"
#include "azure/endpoint.h"

namespace penstock::bench {
namespace {

constexpr WallTime k_now{std::chrono::seconds{1769817600}};  // 2026-01-31T00:00:00Z
constexpr std::string_view k_key = "YW4gYWNjb3VudCBrZXkgb2YgdGhpcnR5LXR3byBieXQ=";

// Of the request in tests/unit/azure/shared_key_test.cc, computed there apart from this code.
constexpr std::string_view k_signature = "SharedKey contoso:pXM19RFCGqDgl5U3USCF+tK4/YKzfNS0Y/EXb4qiLWs=";

bool signs_rightly(const azure::Endpoint& endpoint, const azure::Credential& credential) {
  auto request = azure::put_blob(endpoint, "a b.txt", 11, {{"attempt", "7"}});
  if (!request.ok()) {
    return false;
  }
  azure::authorize(*request, credential, k_now);
  for (const auto& [name, value] : request->headers) {
    if (name == "authorization") {
      return value == k_signature;
    }
  }
  return false;
}

void shared_key_signing(benchmark::State& state) {
  const auto endpoint = azure::parse_endpoint("https://contoso.blob.core.windows.net/lake/raw");
  const auto key = azure::make_shared_key("contoso", k_key);
  if (!endpoint.ok() || !key.ok() || !signs_rightly(*endpoint, *key)) {
    state.SkipWithError("the signature is not the one that was computed elsewhere");
    return;
  }
  const azure::Credential credential(*key);
  std::uint32_t index = 0;
  for (auto _ : state) {
    azure::BlobRequest request =
        azure::put_block(*endpoint, "api/2026/01/31/00/api-20260131T000000Z-0123456789abcdef-7.txt",
                         index++ % 50'000, 8 << 20);
    azure::authorize(request, credential, k_now);
    benchmark::DoNotOptimize(request);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(shared_key_signing);

}  // namespace
}  // namespace penstock::bench
