// How it works. libcurl's multi handle does the transfers, the loop does the waiting. libcurl tells us
// through two callbacks what it waits for: on_socket() (a descriptor, for reading or writing) and on_timer()
// (one time). We hand both to the loop. When the loop calls back, act() passes it on to
// curl_multi_socket_action(), which moves what can be moved. Then finish_done_transfers() collects the
// transfers that are over.
//
// An example: a PUT of one block on a connection that is kept.
//
//   1. send() queues the request. start() takes an easy handle from idle_, prepares it, and adds it to the
//      multi handle.
//   2. libcurl calls on_timer(0) inside of that: "call me at once". The loop's next turn calls
//      act(CURL_SOCKET_TIMEOUT).
//   3. libcurl takes the kept connection, writes headers and the first of the body, and calls on_socket(fd,
//      IN | OUT).
//   4. The loop finds fd writable, again and again: act(fd, OUT). Transfer::on_read() copies from the
//      caller's memory.
//   5. The response comes: act(fd, IN). curl_multi_info_read() says DONE. The handle is reset and goes back
//      to idle_, the next waiting request starts, and only then does `done` run.
//
// Two rules keep `done` harmless. It never runs inside a call of libcurl, because it may call send(), which
// may call libcurl, and libcurl forbids that. And it may destroy the Client: so the callbacks of the loop
// hold the Multi while they run, and look at multi_ (null: closed) before each further `done`.
//
// libcurl does not notice a connection that stands still. While anything runs, a tick of a quarter of
// stall_timeout looks at every transfer, and one that has moved nothing for four ticks is taken out and told
// `timed_out`.
#include "http/client.h"

#include <deque>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include "base/check.h"
#include "base/concat.h"
#include "http/curl_errors.h"
#include "http/transfer.h"

namespace penstock::http {

namespace {

constexpr std::size_t k_upload_buffer_bytes_min = std::size_t{16} * 1024;
constexpr std::size_t k_upload_buffer_bytes_max = std::size_t{2} * 1024 * 1024;

// How often within a stall timeout the transfers are looked at, so that it is kept to a quarter.
constexpr std::uint32_t k_stall_ticks = 4;

CURLcode initialise_curl_once() {
  static const CURLcode code = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  return code;
}

}  // namespace

// Held by shared_ptr: the loop's callbacks hold it weakly, and one that runs holds it while a `done` destroys
// the client.
class Client::Multi : public std::enable_shared_from_this<Client::Multi> {
 public:
  Multi(const ClientOptions& options, io::Loop& loop) : options_(options), loop_(loop) {}
  ~Multi() { close(); }

  Result<void> open();
  void close();
  void send(Request request, Done done);
  std::size_t pending() const { return running_.size() + waiting_.size() + answers_pending_; }

 private:
  using Running = std::unique_ptr<Transfer>;

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* per_socket);
  static int on_timer(CURLM* multi, long wait_ms, void* self);

  void start_waiting();
  void start(Running transfer);
  void on_due();
  void act(curl_socket_t fd, int events);
  void finish_done_transfers();
  Running take_running(const CURL* easy);
  void give_back(Transfer& transfer);
  void answer_later(Done done, Result<Response> result);
  void watch_for_stalls();
  void stall_tick();

  const ClientOptions options_;
  io::Loop& loop_;
  // Null: closed.
  CURLM* multi_ = nullptr;
  // The TLS sessions that the easy handles share.
  CURLSH* sessions_ = nullptr;
  std::deque<Running> waiting_;
  // Both hold at most connections_max.
  std::vector<Running> running_;
  std::vector<EasyHandle> idle_;
  std::vector<curl_socket_t> watched_;
  // The one that libcurl asked for.
  io::TimerId timer_ = io::TimerId::none;
  // Runs while anything is on the way.
  io::TimerId stall_timer_ = io::TimerId::none;
  // Refused at once, and not told yet.
  std::size_t answers_pending_ = 0;
};

Result<void> Client::Multi::open() {
  if (const CURLcode code = initialise_curl_once(); code != CURLE_OK) {
    return curl_error(code, "any host", "curl_global_init failed");
  }
  multi_ = ::curl_multi_init();
  if (multi_ == nullptr) {
    return curl_error(CURLE_OUT_OF_MEMORY, "any host", "curl_multi_init failed");
  }
  // One thread has them all, so there are no locks. A ticket of TLS 1.3 serves one connection, and libcurl
  // keeps only the last one. So of connections that open in the same moment, all but the first may have to
  // shake hands anew.
  sessions_ = ::curl_share_init();
  if (sessions_ == nullptr ||
      ::curl_share_setopt(sessions_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
    return curl_error(CURLE_OUT_OF_MEMORY, "any host", "curl_share_init failed");
  }
  ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
  ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
  ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  ::curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
  return {};
}

void Client::Multi::close() {
  if (multi_ == nullptr) {
    return;
  }
  CURLM* multi = std::exchange(multi_, nullptr);
  for (const Running& transfer : running_) {
    ::curl_multi_remove_handle(multi, transfer->easy());
  }
  ::curl_multi_cleanup(multi);
  running_.clear();
  waiting_.clear();
  idle_.clear();
  // After the handles, which refer to the sessions.
  ::curl_share_cleanup(std::exchange(sessions_, nullptr));
  for (const curl_socket_t fd : std::exchange(watched_, {})) {
    loop_.unwatch(fd);
  }
  loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
  loop_.cancel_timer(std::exchange(stall_timer_, io::TimerId::none));
}

void Client::Multi::send(Request request, Done done) {
  if (waiting_.size() >= options_.queued_max) {
    answer_later(std::move(done), make_error(ErrorKind::throttled, Action::retry,
                                             concat("request to ", host_of(request.url), ": ",
                                                    options_.queued_max, " requests are waiting already"),
                                             "queue full"));
    return;
  }
  waiting_.push_back(std::make_unique<Transfer>(std::move(request), std::move(done)));
  start_waiting();
}

void Client::Multi::start_waiting() {
  while (!waiting_.empty() && running_.size() < options_.connections_max) {
    Running transfer = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(transfer));
  }
}

void Client::Multi::start(Running transfer) {
  EasyHandle easy;
  if (idle_.empty()) {
    easy.reset(::curl_easy_init());
  } else {
    easy = std::move(idle_.back());
    idle_.pop_back();
  }
  if (easy == nullptr) {
    answer_later(transfer->take_done(), curl_error(CURLE_OUT_OF_MEMORY, "any host", "curl_easy_init failed"));
    return;
  }
  if (auto prepared = transfer->prepare(std::move(easy), options_, sessions_); !prepared.ok()) {
    answer_later(transfer->take_done(), std::move(prepared).error());
    return;
  }
  Transfer& started = *transfer;
  running_.push_back(std::move(transfer));
  const CURLMcode code = ::curl_multi_add_handle(multi_, started.easy());
  CHECK(code == CURLM_OK);
  watch_for_stalls();
}

int Client::Multi::on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* /*per_socket*/) {
  auto& multi = *static_cast<Multi*>(self);
  if (what == CURL_POLL_REMOVE) {
    std::erase(multi.watched_, fd);
    multi.loop_.unwatch(fd);
    return 0;
  }
  if (multi.multi_ == nullptr) {
    // It is closing. What libcurl still has to say on a connection, a TLS goodbye, is not waited for.
    return 0;
  }
  std::erase(multi.watched_, fd);
  multi.watched_.push_back(fd);
  const io::Interest interest{(what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0};
  multi.loop_.watch(fd, interest, [weak = multi.weak_from_this(), fd](io::Interest ready) {
    if (const auto alive = weak.lock()) {
      alive->act(fd, (ready.readable ? CURL_CSELECT_IN : 0) | (ready.writable ? CURL_CSELECT_OUT : 0));
    }
  });
  return 0;
}

int Client::Multi::on_timer(CURLM* /*multi*/, long wait_ms, void* self) {
  auto& multi = *static_cast<Multi*>(self);
  multi.loop_.cancel_timer(std::exchange(multi.timer_, io::TimerId::none));
  if (wait_ms >= 0 && multi.multi_ != nullptr) {
    multi.timer_ =
        multi.loop_.start_timer(std::chrono::milliseconds{wait_ms}, [weak = multi.weak_from_this()] {
          if (const auto alive = weak.lock()) {
            alive->on_due();
          }
        });
  }
  return 0;
}

void Client::Multi::on_due() {
  timer_ = io::TimerId::none;
  act(CURL_SOCKET_TIMEOUT, 0);
}

void Client::Multi::act(curl_socket_t fd, int events) {
  if (multi_ == nullptr) {
    return;
  }
  int running = 0;
  ::curl_multi_socket_action(multi_, fd, events, &running);
  finish_done_transfers();
}

void Client::Multi::finish_done_transfers() {
  // First all that libcurl has to say, then the callbacks, each of which may call this client, or end it.
  std::vector<std::pair<Done, Result<Response>>> answers;
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    const CURLcode code = message->data.result;
    CURL* easy = message->easy_handle;
    const Running transfer = take_running(easy);
    Result<Response> outcome = transfer->outcome(code);
    ::curl_multi_remove_handle(multi_, easy);
    give_back(*transfer);
    answers.emplace_back(transfer->take_done(), std::move(outcome));
  }
  start_waiting();
  for (auto& [done, result] : answers) {
    if (multi_ == nullptr) {
      return;
    }
    done(std::move(result));
  }
}

Client::Multi::Running Client::Multi::take_running(const CURL* easy) {
  for (auto it = running_.begin(); it != running_.end(); ++it) {
    if ((*it)->easy() == easy) {
      Running transfer = std::move(*it);
      running_.erase(it);
      return transfer;
    }
  }
  // libcurl has only handles that are in running_.
  CHECK((easy == nullptr));
  return nullptr;
}

void Client::Multi::give_back(Transfer& transfer) {
  // Reset now, because until its next use it would point at a transfer that is gone.
  EasyHandle easy = transfer.release_easy();
  ::curl_easy_reset(easy.get());
  idle_.push_back(std::move(easy));
}

void Client::Multi::answer_later(Done done, Result<Response> result) {
  ++answers_pending_;
  loop_.defer([weak = weak_from_this(), done = std::move(done), result = std::move(result)]() mutable {
    const auto self = weak.lock();
    if (self == nullptr || self->multi_ == nullptr) {
      return;
    }
    --self->answers_pending_;
    done(std::move(result));
  });
}

void Client::Multi::watch_for_stalls() {
  if (stall_timer_ == io::TimerId::none && !running_.empty()) {
    stall_timer_ = loop_.start_timer(options_.stall_timeout / k_stall_ticks, [weak = weak_from_this()] {
      if (const auto alive = weak.lock()) {
        alive->stall_tick();
      }
    });
  }
}

void Client::Multi::stall_tick() {
  stall_timer_ = io::TimerId::none;
  if (multi_ == nullptr) {
    return;
  }
  std::vector<CURL*> stalled;
  for (const Running& transfer : running_) {
    if (transfer->ticks_without_progress() >= k_stall_ticks) {
      stalled.push_back(transfer->easy());
    }
  }
  std::vector<std::pair<Done, Error>> answers;
  for (CURL* easy : stalled) {
    const Running transfer = take_running(easy);
    // Closes its connection too, which is in the middle of something.
    ::curl_multi_remove_handle(multi_, easy);
    answers.emplace_back(transfer->take_done(), transfer->stalled(options_.stall_timeout));
    give_back(*transfer);
  }
  start_waiting();
  watch_for_stalls();
  for (auto& [done, error] : answers) {
    if (multi_ == nullptr) {
      return;
    }
    done(std::move(error));
  }
}

Client::Client(std::shared_ptr<Multi> multi) : multi_(std::move(multi)) {}

Client::~Client() {
  multi_->close();
}

Result<std::unique_ptr<Client>> Client::create(const ClientOptions& options, io::Loop& loop) {
  if (options.connections_max == 0) {
    return invalid_input("connections must be at least 1");
  }
  if (options.upload_buffer_bytes < k_upload_buffer_bytes_min ||
      options.upload_buffer_bytes > k_upload_buffer_bytes_max) {
    return invalid_input(concat("the upload buffer must be from ", k_upload_buffer_bytes_min, " to ",
                                k_upload_buffer_bytes_max, " bytes"));
  }
  if (options.stall_timeout <= Duration::zero() || options.connect_timeout <= Duration::zero()) {
    return invalid_input("the connect and stall timeouts must be above zero");
  }
  auto multi = std::make_shared<Multi>(options, loop);
  if (auto opened = multi->open(); !opened.ok()) {
    return std::move(opened).error();
  }
  return std::unique_ptr<Client>(new Client(std::move(multi)));
}

void Client::send(Request request, Done done) {
  multi_->send(std::move(request), std::move(done));
}

std::size_t Client::pending() const {
  return multi_->pending();
}

}  // namespace penstock::http
