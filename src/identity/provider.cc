// How it works
//
// One thread has a loop, and on it a Renewer per identity and audience. A Renewer sends the requests, by what
// Renewal (renewal.h) says of the time, and puts what it gets into a Served, which any thread may read. A
// cache (Entry) is what users hold: the Served, and a way to post to the thread. The Renewer ends with its
// Entry, and the thread with the last Entry.
//
//   user's threads            mutex                the provider's thread
//
//   Entry::current() ──reads──► Served ◄──writes── Renewer ──► http::Client, timers
//   Entry::want() ──post──────────────────────────────► Renewer::want()
//
// The worked case is a token of an hour from a managed identity, of which a broker thinks ill in minute 10:
//
// 1. The Entry is made, and a post makes its Renewer, whose first request is due at once. current() says
//    "unavailable" until the answer is there.
// 2. The answer has a token that is to be renewed in minute 30. The timer is set for that. Nothing else runs.
// 3. In minute 10 a login is refused, and want() comes with the token's text. It is the one that is served,
//    and the last success is longer ago than 30 s, so a request is sent now. A second login that is refused
//    meanwhile joins it.
// 4. The metadata service gives the same token, which it keeps for itself. Both are told; current() shows
//    them that there is no other one, and they go their way with the broker's error.
// 5. In minute 30 the service does not answer. The old token is served, the error is kept as the trouble, and
//    the next try follows when retry_pause() says. Had the token ended before a try succeeds, current() would
//    give that error.
#include "identity/provider.h"

#include <chrono>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include "base/alive.h"
#include "base/concat.h"
#include "crypto/random.h"
#include "http/client.h"
#include "identity/proof.h"
#include "identity/renewal.h"
#include "identity/token_exchange.h"
#include "io/loop.h"
#include "io/signals_blocked.h"

namespace penstock::identity {
namespace {

// A metadata service is on this machine or its host: it accepts at once, or there is none.
constexpr Duration k_metadata_connect = std::chrono::seconds(2);
constexpr Duration k_authority_connect = std::chrono::seconds(10);

// Of one try.
constexpr Duration k_answer = std::chrono::seconds(30);

// Tokens have some kilobytes.
constexpr std::size_t k_answer_bytes_max = std::size_t{256} << 10;

// epoll takes a number of milliseconds, and a timer comes much sooner.
constexpr Duration k_sleep = std::chrono::hours(24);

using Done = std::function<void()>;

// What any thread may read of one identity and audience.
struct Served {
  mutable std::mutex mutex;
  std::optional<Token> token;
  std::optional<Error> error;  // of the last try
  Standing standing;
};

// On the provider's thread.
class Renewer {
 public:
  Renewer(TokenSource source, std::string scope, std::string ca_file, std::shared_ptr<Served> served,
          io::Loop& loop, const Clock& clock)
      : source_(std::move(source)),
        scope_(std::move(scope)),
        ca_file_(std::move(ca_file)),
        served_(std::move(served)),
        loop_(loop),
        clock_(clock),
        renewal_(clock.now()) {}
  ~Renewer() { loop_.cancel_timer(timer_); }
  Renewer(const Renewer&) = delete;
  Renewer& operator=(const Renewer&) = delete;

  // Asks if it is time to, else sets the timer for it.
  void look();
  void want(const std::string& refused, Done done);

 private:
  void ask();
  void send(const std::string& proof, bool may_be_challenged);
  void on_answer(const Result<http::Response>& answer, bool may_be_challenged);
  void answer_challenge(const http::Response& challenge);
  void finish(const Result<Token>& token);
  Result<void> open_client();

  const TokenSource source_;
  const std::string scope_;
  const std::string ca_file_;
  const std::shared_ptr<Served> served_;
  io::Loop& loop_;
  const Clock& clock_;
  Renewal renewal_;
  std::unique_ptr<http::Client> client_;
  // The body of the request under way.
  std::string body_;
  io::TimerId timer_ = io::TimerId::none;
  std::vector<Done> waiting_;
  Alive alive_;
};

void Renewer::look() {
  loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
  const std::optional<MonoTime> due = renewal_.due();
  if (!due) {
    return;
  }
  const MonoTime now = clock_.now();
  if (*due <= now) {
    ask();
  } else {
    timer_ = loop_.start_timer(*due - now, [this] {
      timer_ = io::TimerId::none;
      look();
    });
  }
}

void Renewer::want(const std::string& refused, Done done) {
  std::string good;
  {
    const std::lock_guard lock(served_->mutex);
    if (served_->token && served_->token->expires > clock_.wall_now()) {
      good = served_->token->text;
    }
  }
  if (renewal_.wish(refused, good, clock_.now()) == Renewal::Answer::with_the_next) {
    waiting_.push_back(std::move(done));
    look();
  } else {
    look();
    done();
  }
}

void Renewer::ask() {
  renewal_.begin();
  const Result<std::string> proof = proof_of(source_, clock_.wall_now());
  if (!proof.ok()) {
    loop_.defer(alive_.guard([this, error = proof.error()] { finish(error); }));
    return;
  }
  send(*proof, true);
}

void Renewer::send(const std::string& proof, bool may_be_challenged) {
  if (const Result<void> opened = open_client(); !opened.ok()) {
    loop_.defer(alive_.guard([this, error = opened.error()] { finish(error); }));
    return;
  }
  TokenRequest asked = token_request(source_, scope_, proof);
  body_ = std::move(asked.body);
  http::Request request;
  request.method = asked.method;
  request.url = std::move(asked.url);
  request.headers = std::move(asked.headers);
  request.may_use_proxy = asked.may_use_proxy;
  if (!body_.empty()) {
    request.body = {as_bytes(body_)};
  }
  request.timeout = k_answer;
  request.response_bytes_max = k_answer_bytes_max;
  client_->send(std::move(request),
                alive_.guard([this, may_be_challenged](const Result<http::Response>& answer) {
                  on_answer(answer, may_be_challenged);
                }));
}

void Renewer::on_answer(const Result<http::Response>& answer, bool may_be_challenged) {
  if (!answer.ok()) {
    finish(unanswered(source_, answer.error()));
    return;
  }
  const auto* managed = std::get_if<ManagedIdentity>(&source_);
  const bool by_arc = managed != nullptr && managed->service == MetadataService::arc;
  if (by_arc && may_be_challenged && answer->status == 401) {
    answer_challenge(*answer);
  } else {
    finish(read_token_answer(source_, *answer, clock_.wall_now()));
  }
}

void Renewer::answer_challenge(const http::Response& challenge) {
  const Result<std::string> file = arc_challenge_file(challenge);
  const Result<std::string> key = file.ok() ? arc_challenge_key(*file) : file;
  if (key.ok()) {
    send(*key, false);
  } else {
    finish(key.error());
  }
}

void Renewer::finish(const Result<Token>& token) {
  const MonoTime now = clock_.now();
  std::optional<Error> failure = token.ok() ? std::nullopt : std::optional(token.error());
  if (failure && failure->action == Action::fatal) {
    failure->action = Action::give_up;  // it is asked for again, and a person may mend it meanwhile
  }
  if (token.ok()) {
    renewal_.succeed(*token, now, clock_.wall_now());
  } else {
    constexpr double k_range = 1 << 20;
    const double spread = static_cast<double>(crypto::random_u64() % (1U << 20)) / k_range;
    renewal_.fail(retry_pause(source_, token.error(), renewal_.failures() + 1), spread, now);
  }
  {
    const std::lock_guard lock(served_->mutex);
    Standing& standing = served_->standing;
    if (token.ok()) {
      served_->token = *token;
      served_->error.reset();
      standing.expires = token->expires;
      standing.trouble.clear();
      ++standing.renewals;
    } else {
      served_->error = *failure;
      standing.trouble = failure->message;
      ++standing.failures;
    }
  }
  const Alive::Watch watch = alive_.watch();
  for (const Done& done : std::exchange(waiting_, {})) {
    done();
    if (watch.gone()) {
      return;
    }
  }
  look();
}

Result<void> Renewer::open_client() {
  if (client_) {
    return {};
  }
  const bool is_near = std::holds_alternative<ManagedIdentity>(source_);
  http::ClientOptions options;
  options.connections_max = 1;
  options.connect_timeout = is_near ? k_metadata_connect : k_authority_connect;
  options.ca_file = ca_file_;
  auto client = http::Client::create(options, loop_);
  if (!client.ok()) {
    return std::move(client).error();
  }
  client_ = std::move(client).value();
  return {};
}

// What the provider and its thread share. The thread has it to its own end, also when nobody joins it.
class Engine {
 public:
  explicit Engine(const Clock& clock) : clock_(clock) {}

  // The thread. `opened` is told when the loop is there, or why there is none.
  void run(std::promise<Result<void>> opened);

  // From any thread.
  void stop();
  void post(std::function<void()> task);

  // On the thread, in a task.
  void add(const std::shared_ptr<Served>& served, TokenSource source, std::string scope,
           std::string ca_file) {
    auto renewer = std::make_unique<Renewer>(std::move(source), std::move(scope), std::move(ca_file), served,
                                             *loop_, clock_);
    Renewer& added = *renewer;
    renewers_[served.get()] = std::move(renewer);
    added.look();
  }
  void remove(const Served* served) { renewers_.erase(served); }
  void want(const Served* served, const std::string& refused, Done done) {
    if (const auto found = renewers_.find(served); found != renewers_.end()) {
      found->second->want(refused, std::move(done));
    }
  }
  void look(const Served* served) {
    if (const auto found = renewers_.find(served); found != renewers_.end()) {
      found->second->look();
    }
  }

 private:
  std::vector<std::function<void()>> take_tasks();

  const Clock& clock_;
  std::mutex mutex_;  // of what follows
  std::vector<std::function<void()>> tasks_;
  bool stopping_ = false;
  io::Loop* loop_ = nullptr;  // of the thread; others call wake() only, under the mutex

  std::map<const Served*, std::unique_ptr<Renewer>> renewers_;  // of the thread
};

void Engine::run(std::promise<Result<void>> opened) {
  io::LoopOptions options;
  options.choice = io::Choice::portable;
  options.fallback_threads = 0;  // it reads no file through the loop
  Result<std::unique_ptr<io::Loop>> loop = io::make_loop(options, clock_);
  if (!loop.ok()) {
    opened.set_value(loop.error());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    loop_ = loop->get();
  }
  opened.set_value({});
  for (;;) {
    for (const std::function<void()>& task : take_tasks()) {
      task();
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        loop_ = nullptr;
        break;
      }
    }
    (*loop)->run_once(k_sleep);
  }
  renewers_.clear();
}

std::vector<std::function<void()>> Engine::take_tasks() {
  const std::lock_guard lock(mutex_);
  return std::exchange(tasks_, {});
}

void Engine::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (loop_ != nullptr) {
    loop_->wake();
  }
}

void Engine::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (loop_ != nullptr) {
    loop_->wake();
  }
}

class ThreadedProvider;

class Entry final : public TokenCache {
 public:
  Entry(std::shared_ptr<ThreadedProvider> provider, std::shared_ptr<Engine> engine,
        std::shared_ptr<Served> served, const Clock& clock)
      : provider_(std::move(provider)),
        engine_(std::move(engine)),
        served_(std::move(served)),
        clock_(clock) {}
  ~Entry() override {
    engine_->post([engine = engine_.get(), served = served_] { engine->remove(served.get()); });
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  Result<Token> current() const override {
    const std::lock_guard lock(served_->mutex);
    if (served_->token && served_->token->expires > clock_.wall_now()) {
      return *served_->token;
    }
    // A machine that has slept through the time of renewal asks now.
    engine_->post([engine = engine_.get(), served = served_] { engine->look(served.get()); });
    if (served_->error) {
      return *served_->error;
    }
    return make_error(ErrorKind::unavailable, Action::retry,
                      concat("no token yet of ", served_->standing.description, ", it was asked for"),
                      "no token");
  }

  void want(std::string refused, Done done) override {
    engine_->post(
        [engine = engine_.get(), served = served_, refused = std::move(refused),
         done = std::move(done)]() mutable { engine->want(served.get(), refused, std::move(done)); });
  }

  Standing standing() const override {
    const std::lock_guard lock(served_->mutex);
    return served_->standing;
  }

 private:
  const std::shared_ptr<ThreadedProvider> provider_;  // kept alive
  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Served> served_;
  const Clock& clock_;
};

std::string audience_of(std::string_view scope) {
  constexpr std::string_view k_end = "/.default";
  return std::string(scope.substr(0, scope.size() - (scope.ends_with(k_end) ? k_end.size() : 0)));
}

// The secret of an application is not part of it: both sides may read the same one in their own way.
std::string name_of(const Options& options, const std::string& scope) {
  std::string name = std::to_string(static_cast<int>(options.kind));
  for (const std::string* part :
       {&options.authority, &options.tenant_id, &options.client_id, &options.object_id, &options.resource_id,
        &options.certificate_file, &options.token_file, &options.ca_file, &scope}) {
    name += concat('\n', *part);
  }
  return name;
}

class ThreadedProvider final : public Provider, public std::enable_shared_from_this<ThreadedProvider> {
 public:
  ThreadedProvider(Surroundings surroundings, const Clock& clock)
      : surroundings_(std::move(surroundings)), clock_(clock), engine_(std::make_shared<Engine>(clock)) {}

  // The last cache may go in a callback, on the provider's own thread, which then ends by itself.
  ~ThreadedProvider() override {
    engine_->stop();
    if (!thread_.joinable()) {
      return;
    }
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }
  ThreadedProvider(const ThreadedProvider&) = delete;
  ThreadedProvider& operator=(const ThreadedProvider&) = delete;

  Result<void> open() {
    std::promise<Result<void>> opened;
    std::future<Result<void>> answer = opened.get_future();
    try {
      const io::SignalsBlocked blocked;
      thread_ = std::thread(
          [engine = engine_, opened = std::move(opened)]() mutable { engine->run(std::move(opened)); });
    } catch (const std::system_error& error) {
      return make_error(ErrorKind::unavailable, Action::fatal,
                        concat("no thread is left to get tokens of Entra: ", error.what()));
    }
    return answer.get();
  }

  Result<std::shared_ptr<TokenCache>> cache(const Options& options, const std::string& scope) override {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<TokenCache>& known = caches_[name_of(options, scope)];
    if (std::shared_ptr<TokenCache> there = known.lock()) {
      return there;
    }
    Result<Choice> choice = choose_source(options, surroundings_);
    if (!choice.ok()) {
      return std::move(choice).error();
    }
    auto served = std::make_shared<Served>();
    served->standing.audience = audience_of(scope);
    served->standing.description = concat(choice->description, ", for ", served->standing.audience);
    auto made = std::make_shared<Entry>(shared_from_this(), engine_, served, clock_);
    engine_->post([engine = engine_.get(), served, source = std::move(choice->source), scope,
                   ca_file = options.ca_file]() mutable {
      engine->add(served, std::move(source), scope, std::move(ca_file));
    });
    known = made;
    return std::shared_ptr<TokenCache>(std::move(made));
  }

 private:
  const Surroundings surroundings_;
  const Clock& clock_;
  const std::shared_ptr<Engine> engine_;
  std::thread thread_;
  std::mutex mutex_;  // of caches_
  // As many as there are identities and audiences in a configuration.
  std::map<std::string, std::weak_ptr<TokenCache>> caches_;
};

Surroundings of_this_machine() {
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
          },
          .file_exists = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }};
}

}  // namespace

Result<std::shared_ptr<Provider>> Provider::start(Surroundings surroundings, const Clock& clock) {
  auto provider = std::make_shared<ThreadedProvider>(std::move(surroundings), clock);
  if (Result<void> opened = provider->open(); !opened.ok()) {
    return std::move(opened).error();
  }
  return std::shared_ptr<Provider>(std::move(provider));
}

Result<std::shared_ptr<TokenCache>> token_cache(const Options& options, const std::string& scope) {
  static std::mutex mutex;
  static std::weak_ptr<Provider> of_the_process;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Provider> provider = of_the_process.lock();
  if (!provider) {
    Result<std::shared_ptr<Provider>> started = Provider::start(of_this_machine(), system_clock());
    if (!started.ok()) {
      return std::move(started).error();
    }
    provider = std::move(started).value();
    of_the_process = provider;
  }
  return provider->cache(options, scope);
}

}  // namespace penstock::identity
