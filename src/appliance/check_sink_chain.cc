// How it works. The links up to TLS are asked by sockets of our own (reach.h), and the rest by the store
// that the service has. For example, a clock is 20 minutes slow, and the account's key signs the
// requests:
//
// 1. "sink dns", "sink tcp" and "sink tls" are ok, "sink credential" tells that it is a key.
// 2. The container is asked for the properties of a blob that is not there. The answer is a 403, and has
//    a date.
// 3. The date is judged before the answer: "sink clock" is a fault, since Azure refuses what is signed for
//    another time by 15 minutes or more. It comes before "sink container", which is told to be not tried.
//
// With a SAS the clock would be a warning, as nothing is signed for a time, and the links behind it are
// asked.
#include "appliance/check_sink_chain.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <penstock/result.h>

#include "appliance/check_chain.h"
#include "appliance/check_positions.h"
#include "appliance/reach.h"
#include "appliance/wiring_store.h"
#include "azure/credential.h"
#include "azure/http_date.h"
#include "azure/query_parameter.h"
#include "azure/sas_times.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/units.h"
#include "base/utc_text.h"
#include "crypto/random.h"
#include "crypto/tls_context.h"
#include "http/proxy.h"
#include "io/loop.h"
#include "lake/azure_store.h"
#include "verify/lake_reader.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_store_link_wait = std::chrono::seconds(10);
constexpr Duration k_store_answer_wait = std::chrono::seconds(20);

constexpr Duration k_clock_warned = std::chrono::seconds(60);
constexpr Duration k_clock_refused = std::chrono::minutes(15);

// Of the sink, in search of one that penstock, or this group, has written.
constexpr std::size_t k_blobs_looked_at_max = 500;

// No file of ours has as many blocks, so it has none of this index.
constexpr std::uint32_t k_block_of_no_blob = 49'999;

std::string scheme_of(const std::string& origin) {
  return origin.substr(0, origin.find("://"));
}

// "https://contoso.blob.core.windows.net" has port 443.
Result<HostPort> authority_of(const std::string& origin) {
  const std::string authority = origin.substr(origin.find("://") + 3);
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  return parse_host_port(has_port ? authority
                                  : concat(authority, scheme_of(origin) == "https" ? ":443" : ":80"));
}

class StoreWalk {
 public:
  StoreWalk(const config::Settings& settings, bool group_has_no_position)
      : settings_(settings), looks_for_group_(group_has_no_position) {}

  std::vector<CheckRow> run() {
    const auto loop = io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
    if (!loop.ok()) {
      chain_.fault("sink dns", loop.error().message);
      return chain_.rows();
    }
    Result<lake::AzureOptions> options = azure_options_on(settings_, **loop);
    if (!options.ok()) {
      chain_.fault("sink credential", options.error().message);
      return chain_.rows();
    }
    loop_ = loop->get();
    try_way(*options);
    if (chain_.holds()) {
      tell_credential(*options->credentials);
    }
    if (chain_.holds()) {
      const Result<azure::Credential> credential = options->credentials->current();
      const bool is_signed = credential.ok() && std::holds_alternative<azure::SharedKey>(*credential);
      auto store = lake::AzureBlobStore::create(std::move(options).value(), *loop_, system_clock());
      if (store.ok()) {
        try_store(**store, is_signed);
      } else {
        chain_.fault("sink container", store.error().message);
      }
    }
    std::vector<CheckRow> rows = chain_.rows();
    std::move(extra_.begin(), extra_.end(), std::back_inserter(rows));
    return rows;
  }

 private:
  void try_way(const lake::AzureOptions& options) {
    const std::string& origin = options.endpoint.origin;
    const std::optional<http::Proxy> proxy = http::proxy_of(origin);
    Result<HostPort> at = proxy ? Result<HostPort>(HostPort{proxy->host, proxy->port}) : authority_of(origin);
    if (!at.ok()) {
      chain_.fault("sink dns", concat("sink.url: ", at.error().message));
      return;
    }
    const std::string where =
        proxy ? concat(": see ", proxy->variable, " in the environment") : ": see sink.url";
    if (proxy) {
      chain_.ok("sink proxy",
                concat(proxy->variable, " names ", at->text(), " for this sink: dns and tcp are of it"));
    }
    const io::Addresses addresses = look_up(*at, k_store_link_wait, *loop_);
    if (!addresses.ok()) {
      chain_.fault("sink dns", addresses.error().message + where);
      return;
    }
    chain_.ok("sink dns", concat(at->host, " is ", told(*addresses)));
    Result<Reached> reached = connect_to(*at, *addresses, k_store_link_wait);
    if (!reached.ok()) {
      chain_.fault("sink tcp", reached.error().message + where);
      return;
    }
    chain_.ok("sink tcp", reached->told);
    if (proxy) {
      chain_.ok("sink tls", "through the proxy: the requests below try it");
    } else if (scheme_of(origin) == "https") {
      try_tls(std::move(reached).value(), *at, options.http.ca_file);
    } else {
      chain_.ok("sink tls", concat(at->text(), ": sink.url begins with http, nothing is encrypted"));
    }
  }

  void try_tls(Reached reached, const HostPort& at, const std::string& ca) {
    auto context = crypto::TlsContext::make({.ca = ca, .section = "sink"});
    if (!context.ok()) {
      chain_.fault("sink tls", concat("sink.tls.ca: ", context.error().message));
      return;
    }
    const Result<crypto::TlsFacts> facts =
        shake_hands(std::move(reached), std::move(context).value(), at, k_store_link_wait);
    if (facts.ok()) {
      chain_.ok("sink tls", concat(at.text(), ": ", told(*facts)));
    } else {
      chain_.fault("sink tls", facts.error().message);
    }
  }

  void tell_credential(lake::CredentialSource& credentials) {
    const Result<azure::Credential> credential = credentials.current();
    if (!credential.ok()) {
      chain_.fault("sink credential", credential.error().message);
    } else if (const auto* key = std::get_if<azure::SharedKey>(&*credential)) {
      chain_.ok("sink credential", concat("the key of account ", key->account, ", which has no end"));
    } else if (const auto* sas = std::get_if<azure::Sas>(&*credential)) {
      const std::optional<WallTime> end = azure::sas_times(sas->token).ends;
      const std::string_view rights = azure::query_parameter(sas->token, "sp");
      chain_.ok("sink credential",
                concat("a SAS", rights.empty() ? "" : concat(" with the rights ", rights), ", ",
                       end ? concat("until ", utc_text(*end)) : "whose end is in a stored policy"));
    } else {
      chain_.ok("sink credential", "a token of Entra, see the row token");
    }
  }

  // Waits for the one answer of a call.
  template <class Value>
  Result<Value> ask(const std::function<void(std::function<void(Result<Value>)>)>& question) {
    std::optional<Result<Value>> answer;
    question([&answer](Result<Value> result) { answer = std::move(result); });
    const MonoTime deadline = system_clock().now() + k_store_answer_wait;
    while (!answer && system_clock().now() < deadline) {
      loop_->run_once(std::chrono::milliseconds(100));
    }
    if (answer) {
      return *std::move(answer);
    }
    return make_error(ErrorKind::timed_out, Action::retry,
                      concat(settings_.sink.url, ": no answer within ", format_duration(k_store_answer_wait),
                             ": it hangs, or something in between drops what is sent"));
  }

  void try_store(lake::AzureBlobStore& store, bool is_signed) {
    const std::string name = concat("_penstock/check-", crypto::random_u64());
    const Result<lake::BlobProperties> absent =
        ask<lake::BlobProperties>([&](auto done) { store.get_properties(name, std::move(done)); });
    judge_clock(store, is_signed);
    if (!chain_.holds()) {
      return;
    }
    const bool is_there = absent.ok() || (absent.error().kind == ErrorKind::not_found &&
                                          absent.error().action == Action::give_up);
    if (!is_there) {
      chain_.fault("sink container", absent.error().message);
      return;
    }
    chain_.ok("sink container", concat(store.description(), ": it is there, and reading is allowed"));
    // With the very question of the start.
    const Result<void> written = ask<void>([&](auto done) { store.probe(std::move(done)); });
    if (!written.ok()) {
      chain_.fault("sink write", written.error().message);
      return;
    }
    chain_.ok("sink write", "a block is taken; it is never committed, so that no file is left");
    try_list(store);
  }

  void judge_clock(const lake::AzureBlobStore& store, bool is_signed) {
    const auto seen = store.last_served();
    if (!seen) {
      return;  // no answer, or none with a date
    }
    const Duration ahead = std::chrono::duration_cast<Duration>(seen->here - seen->there);
    const Duration off = ahead < Duration::zero() ? -ahead : ahead;
    const std::string text =
        concat("this machine's clock is ", azure::format_http_date(seen->here), ", and the store's is ",
               azure::format_http_date(seen->there), ", ",
               std::chrono::duration_cast<std::chrono::seconds>(off).count(), " s apart");
    if (off >= k_clock_refused && is_signed) {
      chain_.fault("sink clock", concat(text,
                                        ": Azure refuses what is signed for another time by 15 minutes "
                                        "or more: set the clock right"));
    } else if (off > k_clock_warned) {
      chain_.warning("sink clock", concat(text, ": set the clock right"));
    } else {
      chain_.ok("sink clock", text);
    }
  }

  // One page, of names that hardly anything has, tells of the right to list. Running needs none.
  void try_list(lake::AzureBlobStore& store) {
    const Result<lake::BlobPage> page =
        ask<lake::BlobPage>([&](auto done) { store.list("_penstock/", "", std::move(done)); });
    if (!page.ok()) {
      chain_.warning(
          "sink list",
          concat(settings_.sink.url,
                 ": writing is allowed, and listing is not. The service runs without, and penstock "
                 "verify does not: ",
                 page.error().message));
      chain_.ok("sink conditional put", "not proved: without listing there is no file to try it on");
      return;
    }
    chain_.ok("sink list", "allowed");
    const std::optional<std::string> file = look_for_files(store);
    if (file) {
      try_condition(store, *file);
    } else {
      chain_.ok("sink conditional put", "not proved: there is no file of penstock yet to try it on");
    }
  }

  // A file of penstock's. Only the first blobs are looked at.
  std::optional<std::string> look_for_files(lake::BlobStore& store) {
    const Error enough = make_error(ErrorKind::canceled, Action::give_up, "");
    std::optional<std::string> any;
    bool searching = looks_for_group_;
    std::size_t looked_at = 0;
    static_cast<void>(verify::LakeReader(store, *loop_, system_clock())
                          .each([&](const verify::BlobFacts& blob) -> Result<void> {
                            if (blob.kind == verify::BlobFacts::Kind::data) {
                              any = any ? any : std::optional(blob.name);
                              if (searching && blob.metadata.group == settings_.source.group) {
                                extra_.push_back(positions_gone(settings_.source.group, blob.name));
                                searching = false;
                              }
                            }
                            const bool is_over = (any && !searching) || ++looked_at == k_blobs_looked_at_max;
                            return is_over ? Result<void>(enough) : Result<void>();
                          }));
    return any;
  }

  void try_condition(lake::BlobStore& store, const std::string& name) {
    const lake::BlockRef block{.index = k_block_of_no_blob, .offset = 0, .bytes = 1};
    const Result<void> refused =
        ask<void>([&](auto done) { store.commit_blocks(name, std::span(&block, 1), {}, std::move(done)); });
    if (refused.ok()) {
      chain_.fault(
          "sink conditional put",
          concat("the store has taken a block list for ", name,
                 ", which is there, with a block that is not: it is no store that penstock can rely on"));
    } else if (refused.error().kind == ErrorKind::already_exists) {
      chain_.ok("sink conditional put", concat("refused on ", name, ", which is there, and stays as it is"));
    } else if (refused.error().kind == ErrorKind::invalid_block_list) {
      chain_.ok("sink conditional put", "not proved: the store looks at the blocks before the condition");
    } else {
      chain_.warning("sink conditional put", refused.error().message);
    }
  }

  const config::Settings& settings_;
  const bool looks_for_group_;
  CheckChain chain_{{"sink dns", "sink tcp", "sink tls", "sink credential", "sink clock", "sink container",
                     "sink write", "sink list", "sink conditional put"}};
  std::vector<CheckRow> extra_;
  io::Loop* loop_ = nullptr;
};

}  // namespace

std::vector<CheckRow> walk_to_store(const config::Settings& settings, bool group_has_no_position) {
  return StoreWalk(settings, group_has_no_position).run();
}

}  // namespace penstock::appliance
